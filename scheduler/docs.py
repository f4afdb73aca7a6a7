"""The dbt documentation as a refresh: rewritten when a generation was built from other models."""

from pathlib import Path

from common.errors import AnalyticsError
from scheduler.dbt_project import DbtProject
from scheduler.pipeline_parts import Refresh
from scheduler.publish import Generation

_TIME_LIMIT_SECONDS = 300


class DocsError(AnalyticsError):
    """dbt could not write its documentation."""


def dbt_docs(project: DbtProject) -> Refresh:
    """Writes `project.docs_page`; the status page serves it."""

    def write(generation: Generation) -> None:
        described = project.target_path() / "docs.fingerprint"
        fingerprint = str(generation.facts.get("project_fingerprint"))
        if project.docs_page.exists() and _read(described) == fingerprint:
            return  # it does not depend on the rows
        outcome = project.docs(time_limit=_TIME_LIMIT_SECONDS)
        if not outcome.success:
            raise DocsError(outcome.describe())
        described.write_text(fingerprint, encoding="utf-8")

    return Refresh("dbt docs", write)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
