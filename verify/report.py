"""The result of a comparison."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """A figure that differs. `day` and `model` are empty where the figure has none."""

    measure: str
    day: str
    model: str
    in_files: float
    in_database: float
    example: str = ""


@dataclass(frozen=True)
class VerifyReport:
    """What was compared, what differs, and what only one side can know."""

    files: int
    sessions: int
    tool_calls: int
    responses: int
    days: int
    differences: tuple[Difference, ...]
    only_in_database: dict[str, int]
    """What comes from lines that are no longer here: lines, sessions, tool calls, responses and their tokens."""
    not_yet_collected: int
    """Bytes in the files that were written after the collector last looked."""

    @property
    def agrees(self) -> bool:
        """True when everything in the files is in the database, as it is there."""
        return not self.differences
