"""The finding of one check of `./analytics doctor`."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """The result of one check. `fix` is empty if there is nothing to do."""

    name: str
    status: Status
    found: str
    expected: str
    fix: str = ""
