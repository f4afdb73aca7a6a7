"""The dbt documentation as a refresh: written again whenever a new generation is published."""

from scheduler.dbt import DbtProject
from scheduler.publish import Generation
from scheduler.steps import Refresh

_TIME_LIMIT_SECONDS = 300


class DocsError(Exception):
    """dbt could not write its documentation."""


def dbt_docs(project: DbtProject) -> Refresh:
    """Writes `project.docs_page`; the status page serves it."""

    def write(_: Generation) -> None:
        outcome = project.docs(time_limit=_TIME_LIMIT_SECONDS)
        if not outcome.success:
            raise DocsError(outcome.describe())

    return Refresh("dbt docs", write)
