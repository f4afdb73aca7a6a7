"""The additional steps of a run while a request to forget is unfinished: deletion first, and proof at the end."""

from functools import partial

from common.errors import AnalyticsError
from scheduler.as_of import remove_folders
from scheduler.pipeline_parts import Forgetting
from scheduler.pipeline_steps import Context, Output, Step
from scheduler.publish import remove_old_generations

PROVE = "prove"


class NotForgottenError(AnalyticsError):
    """Something to be forgotten is left; the next run continues."""


def with_forgetting(steps: list[Step], forgetting: Forgetting) -> list[Step]:
    """Return the steps of a run that finishes requests to forget."""

    def remove(context: Context) -> Output:
        context.forgets = True
        return Output(forgetting.remove(context.progress))

    return [Step("forget", remove, retries=3), *steps, Step(PROVE, partial(prove, forgetting))]


def prove(forgetting: Forgetting, context: Context) -> Output:
    """Delete older generations and folders, search what is left, and close the requests."""
    removed = remove_old_generations(context.parts.volume, 1)
    remove_folders(context.parts.volume)
    proof = forgetting.prove(context.progress)
    return Output(f"{removed} old generations deleted; {proof}", rows_out=removed)
