"""What a run does besides while a request to forget is unfinished: it begins by deleting, and ends by proving it."""

from functools import partial

from common.errors import AnalyticsError
from scheduler.as_of import remove_folders
from scheduler.pipeline_parts import Forgetting
from scheduler.pipeline_steps import Context, Output, Step
from scheduler.publish import remove_old_generations

PROVE = "prove"


class NotForgottenError(AnalyticsError):
    """Something is left of what was to be forgotten; the next run goes on."""


def with_forgetting(steps: list[Step], forgetting: Forgetting) -> list[Step]:
    """Return the steps of a run that finishes requests to forget."""

    def remove(context: Context) -> Output:
        context.forgets = True
        return Output(forgetting.remove(context.progress))

    return [Step("forget", remove, retries=3), *steps, Step(PROVE, partial(prove, forgetting))]


def prove(forgetting: Forgetting, context: Context) -> Output:
    """Delete what older generations and folders hold, search what is left, and close the requests."""
    removed = remove_old_generations(context.parts.volume, 1)
    remove_folders(context.parts.volume)
    proof = forgetting.prove(context.progress)
    return Output(f"{removed} old generations deleted; {proof}", rows_out=removed)
