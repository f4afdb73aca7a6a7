"""TEXT_RETENTION_DAYS: how many days texts are kept, at least a week."""

from typing import Annotated

from pydantic import AfterValidator

FEWEST = 7


def _long_enough(days: int) -> int:
    if days < FEWEST:
        raise ValueError(
            f"expected at least {FEWEST} days, in which a machine that was away delivers its lines and a resumed"
            " session repeats them: they are compared by their texts"
        )
    return days


TextDays = Annotated[int, AfterValidator(_long_enough)]
