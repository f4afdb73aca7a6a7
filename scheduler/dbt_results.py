"""dbt's artifacts (`run_results.json`, `sources.json`), typed, with a query for the failing rows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from common.duckdb_files import open_read_only

_HOURS_OF_A_CENTURY = 876_600
_FAILED = frozenset({"error", "fail", "runtime error", "partial success"})


class DbtNode(BaseModel):
    """One model, seed, test, unit test or source check of one invocation."""

    model_config = ConfigDict(frozen=True)

    unique_id: str
    name: str
    resource_type: str
    status: str
    seconds: float = 0.0
    rows: int | None = None
    failures: int | None = None
    message: str | None = None
    query: str | None = None
    """A statement that shows the failing rows (tests only)."""

    @property
    def failed(self) -> bool:
        """Whether this node prevents the result from being published."""
        return self.status in _FAILED


class DbtOutcome(BaseModel):
    """The outcome of one dbt command."""

    model_config = ConfigDict(frozen=True)

    command: str
    success: bool
    error: str | None = None
    """Why dbt itself stopped (a parse error, an interrupt); None when it ran to its end."""
    nodes: list[DbtNode] = []
    seconds: float = 0.0

    @property
    def failures(self) -> list[DbtNode]:
        """The nodes that failed, in dbt's order."""
        return [node for node in self.nodes if node.failed]

    @property
    def warnings(self) -> list[DbtNode]:
        """The nodes that warned."""
        return [node for node in self.nodes if node.status == "warn"]

    @property
    def lacked_memory(self) -> bool:
        """Whether a node failed because DuckDB's limit was reached."""
        return any("Out of Memory" in (node.message or "") for node in self.failures)

    def describe(self) -> str:
        """Return in one line the first failure and the number of others, or that all passed."""
        if self.success:
            return f"{len(self.nodes)} nodes passed, {len(self.warnings)} with a warning"
        if not self.failures:
            return f"dbt {self.command} failed: {_first_line(self.error) or 'it gave no reason'}"
        first, others = self.failures[0], len(self.failures) - 1
        rows = f" with {first.failures} rows" if first.failures else ""
        more = f", and {others} more failed" if others else ""
        return f"{first.resource_type} {first.name} failed{rows}: {_first_line(first.message)}{more}"


def read_run_results(path: Path) -> list[DbtNode]:
    """The nodes of a run_results.json; none when dbt ended before it wrote one."""
    return [_node(result) for result in _results(path)]


def read_sources(path: Path) -> list[DbtNode]:
    """The source checks of a sources.json; the message says how old the newest row is."""
    return [_source(result) for result in _results(path)]


def failing_rows(database: Path, query: str, limit: int = 20) -> tuple[list[str], list[list[str | None]]]:
    """Column names and the first rows of a failed test, as text for people."""
    with open_read_only(database) as connection:
        cursor = connection.execute(f"select * from ({query.rstrip().rstrip(';')}\n) limit {int(limit)}")
        names = [str(column[0]) for column in cursor.description or []]
        return names, [[None if value is None else str(value) for value in row] for row in cursor.fetchall()]


def _results(path: Path) -> Sequence[dict[str, Any]]:
    try:
        results: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["results"]
    except FileNotFoundError:
        return []
    return results


def _node(result: dict[str, Any]) -> DbtNode:
    kind, _, rest = str(result["unique_id"]).partition(".")
    rows = result.get("adapter_response", {}).get("rows_affected")
    return DbtNode(
        unique_id=result["unique_id"],
        name=_name(kind, rest),
        resource_type=kind,
        status=result["status"],
        seconds=result.get("execution_time") or 0.0,
        rows=rows if isinstance(rows, int) and rows >= 0 else None,
        failures=result.get("failures"),
        message=result.get("message"),
        query=_query(kind, result),
    )


def _name(kind: str, rest: str) -> str:
    """`test.project.unique_x.hash` -> `unique_x`; `unit_test.project.model.name` -> `model.name`."""
    parts = rest.split(".")[1:]
    return ".".join(parts if kind in ("unit_test", "source") else parts[:1]) or rest


def _query(kind: str, result: dict[str, Any]) -> str | None:
    if kind != "test":
        return None
    relation, compiled = result.get("relation_name"), result.get("compiled_code")
    return f"select * from {relation}" if relation else (compiled.strip() if compiled else None)


def _source(result: dict[str, Any]) -> DbtNode:
    age, status = result.get("max_loaded_at_time_ago_in_s"), str(result["status"])
    message = result.get("error") or (None if age is None else _age(age))
    kind, _, rest = str(result["unique_id"]).partition(".")
    seconds = result.get("execution_time") or 0.0
    return DbtNode(
        unique_id=result["unique_id"],
        name=_name(kind, rest),
        resource_type="freshness",
        status=status,
        seconds=seconds,
        message=message,
    )


def _age(seconds: float) -> str:
    """Return the age of the newest row. For an empty table, dbt reports a load in the year 1."""
    hours = seconds / 3600
    return f"newest row is {hours:.1f} hours old" if hours < _HOURS_OF_A_CENTURY else "it has no rows"


def _first_line(text: str | None) -> str:
    return " ".join((text or "").split())[:300]
