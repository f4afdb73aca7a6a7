"""Runs the steps in order, with retries, time limits and interruption, and returns one result.

A step is interrupted at its next progress report, or between two steps; dbt's process is ended.
Every step can be interrupted anywhere and run again without loss. The caller holds the pipeline lock.
"""

import errno
import os
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

import stamina

from common.errors import AnalyticsError
from scheduler.dbt_project import DbtInterruptedError
from scheduler.pipeline_parts import PipelineParts
from scheduler.pipeline_steps import Context, Output, Step, pipeline_steps
from scheduler.run_result import Event, RunResult, RunStatus, StepResult, StepStatus
from scheduler.transient import is_transient
from scheduler.work_database import remove_work_database

_NO_SPACE = os.strerror(errno.ENOSPC)
"""This text is also in the errors of DuckDB, dbt and the loader service."""
_FULL_DISK = "a disk is full; free some space, and the next run continues automatically"
_FIRST_BACKOFF, _LONGEST_BACKOFF = 1.0, 10.0


class RunInterruptedError(BaseException):
    """Raised in a step's progress report when the run is stopped; no step's `except Exception` may catch it."""


def run_pipeline(
    parts: PipelineParts,
    *,
    full_refresh: bool = False,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    steps: list[Step] | None = None,
) -> RunResult:
    """Run the pipeline once. A step's failure is in the result and never raised."""
    context = Context(parts, full_refresh, stop or threading.Event(), on_event or (lambda _: None))
    results: list[StepResult] = []
    steps = steps or pipeline_steps(parts)
    waiting = list(steps)
    while waiting:
        step = waiting.pop(0)
        results.append(_run_step(step, context))
        context.emit(Event("step_finished", step.name, results[-1].message, result=results[-1]))
        if results[-1].status in ("failed", "interrupted"):
            break
        if context.takes_away_database:
            waiting = _from_load(steps, context)
        if context.goes_again:
            context.goes_again = False
            waiting = [step for step in _from(steps, "extract") if step.name != "text"]
    return _result(context, results)


def _from_load(steps: list[Step], context: Context) -> list[Step]:
    """Delete the damaged work database and return the steps that rebuild it."""
    context.takes_away_database = False
    remove_work_database(context.parts.volume)
    return _from(steps, "load")


def _from(steps: list[Step], name: str) -> list[Step]:
    return steps[[step.name for step in steps].index(name) :]


def _run_step(step: Step, context: Context) -> StepResult:
    started, begun = datetime.now(UTC), time.monotonic()
    context.step = step.name
    context.emit(Event("step_started", step.name))
    attempts = _Attempts(step, context)
    status: StepStatus
    try:
        output = attempts.run()
        status = output.status
    except (RunInterruptedError, DbtInterruptedError) as interruption:
        output, status = Output(str(interruption)), "interrupted" if context.stop.is_set() else "failed"
    except Exception as error:  # noqa: BLE001 (a run ends with a result, whatever a step ran into)
        if context.may_take_away_database(error):
            output, status = _damaged(error, context), "warned"
        else:
            output, status = Output(_one_line(error)), "failed"
            context.say(output.message, "error")
        if not isinstance(error, AnalyticsError):
            context.say("".join(traceback.format_exception(error)), "error")
    return StepResult(
        name=step.name,
        status=status,
        started_at=started,
        seconds=round(time.monotonic() - begun, 3),
        rows_in=output.rows_in,
        rows_out=output.rows_out,
        attempts=attempts.count,
        message=output.message,
    )


def _damaged(error: Exception, context: Context) -> Output:
    context.takes_away_database = context.took_away_database = True
    message = f"the work database is damaged and is rebuilt from Iceberg ({_one_line(error)})"
    context.warn(message)
    return Output(message, status="warned")


class _Attempts:
    """Runs one step, with retries and backoff if they can help, within its time limit."""

    def __init__(self, step: Step, context: Context) -> None:
        self.step, self.context, self.count = step, context, 0
        limit = context.parts.step_time_limit
        self._end = None if limit is None else time.monotonic() + limit
        context.deadline = self._left
        context.progress = self._progress

    def run(self) -> Output:
        """Return the output of the first attempt that succeeds."""
        for attempt in stamina.retry_context(
            on=self._again,
            attempts=self.step.retries + 1,
            timeout=self.context.parts.step_time_limit,
            wait_initial=_FIRST_BACKOFF,
            wait_max=_LONGEST_BACKOFF,
        ):
            with attempt:
                self.count = attempt.num
                self._check()
                return self.step.work(self.context)
        raise AssertionError("stamina raises the last error itself")

    def _again(self, error: Exception) -> bool:
        again = is_transient(error) and not self.context.stop.is_set()
        if again and self.count <= self.step.retries:
            self.context.say(f"attempt {self.count} failed: {_one_line(error)}; trying again", "warn")
        return again

    def _progress(self, done: int, total: int | None) -> None:
        self._check()
        self.context.emit(Event("progress", self.step.name, done=done, total=total))

    def _check(self) -> None:
        if self.context.stop.is_set():
            raise RunInterruptedError("the run was told to stop")
        if self._left() == 0:
            raise RunInterruptedError(f"{self.step.name} took longer than STEP_TIMEOUT_SECONDS allows")

    def _left(self) -> float | None:
        return None if self._end is None else max(self._end - time.monotonic(), 0)


def _result(context: Context, results: list[StepResult]) -> RunResult:
    last = results[-1]
    status: RunStatus
    if last.status == "failed":
        status, message = "failed", f"{last.name}: {last.message}"
    elif last.status == "interrupted":
        status, message = "interrupted", f"{last.name}: {last.message}"
    elif context.published and context.generation:
        status, message = "succeeded", f"published generation {context.generation.number}"
    else:
        status, message = "unchanged", "nothing new; the published figures are up to date"
    return RunResult(
        status=status,
        message=message,
        steps=results,
        generation=context.generation,
        dbt=context.dbt,
        failed_tests=context.failed_tests,
        warnings=context.warnings,
    )


def _one_line(error: BaseException) -> str:
    """Return an error in one line: our errors as their message, others with their type."""
    text = " ".join(str(error).split()) or "no message"
    line = text if isinstance(error, AnalyticsError) else f"{type(error).__name__}: {text[:500]}"
    return f"{_FULL_DISK} ({line})" if _NO_SPACE in text else line
