"""What one check of `./analytics doctor` found."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `fix` is empty when there is nothing to do."""

    name: str
    status: Status
    found: str
    expected: str
    fix: str = ""
