"""A run's events and its result: plain data, no behaviour."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from scheduler.dbt_results import DbtNode
from scheduler.publish import Generation

StepStatus = Literal["succeeded", "failed", "skipped", "warned", "interrupted"]
Level = Literal["info", "warn", "error"]
RunStatus = Literal["succeeded", "unchanged", "failed", "interrupted"]


class StepResult(BaseModel):
    """One step of one run."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: StepStatus
    started_at: datetime
    seconds: float
    rows_in: int | None = None
    rows_out: int | None = None
    attempts: int = 1
    message: str = ""
    """One line: what it did, why it was skipped, or what went wrong and what to do."""


class FailedTest(BaseModel):
    """A dbt node that prevented publishing, with its first failing rows."""

    model_config = ConfigDict(frozen=True)

    node: DbtNode
    columns: list[str] = []
    rows: list[list[str | None]] = []


class RunResult(BaseModel):
    """The result of one run of the pipeline."""

    model_config = ConfigDict(frozen=True)

    status: RunStatus
    message: str
    """One line for people."""
    steps: list[StepResult]
    generation: Generation | None = None
    """The published generation after the run; the same as before unless status is `succeeded`."""
    dbt: list[DbtNode] = []
    failed_tests: list[FailedTest] = []
    warnings: list[str] = []

    @property
    def ok(self) -> bool:
        """True when the published database is up to date."""
        return self.status in ("succeeded", "unchanged")


@dataclass(frozen=True)
class Event:
    """Something that happened inside a run, for a progress bar, a log or the history."""

    kind: Literal["step_started", "progress", "log", "step_finished"]
    step: str
    message: str = ""
    level: Level = "info"
    done: int = 0
    total: int | None = None
    result: StepResult | None = None
    """Set when kind is step_finished."""
