"""Opens the published database read-only for queries, with its generation's facts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from cli.quick.places import Places
from common.errors import AnalyticsError


class NothingPublishedError(AnalyticsError):
    """There is no published database yet; the message says how to get one."""

    def __init__(self, volume: Path) -> None:
        super().__init__(f"nothing is published in {volume} yet: start with ./analytics run")


@dataclass(frozen=True)
class Published:
    """The published database: its connection, and what a reader should know of it."""

    connection: duckdb.DuckDBPyConnection
    timezone: str
    """Days are cut in it."""
    created_at: datetime | None
    """When it was published; None where the generation does not say."""
    is_sample: bool
    """Whether a demo made it."""
    generation: int | None = None
    """Its number; None where it does not say."""
    is_team_only: bool = False
    """Whether nothing is published but figures of the team."""

    def rows(self, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the answer's rows by column."""
        cursor = self.connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def open_published(places: Places) -> Iterator[Published]:
    """Open the newest generation; a later publication does not affect this reader."""
    file = places.published_database
    if not file.exists():
        raise NothingPublishedError(places.volume)
    folder = file.resolve().parent
    facts = _facts(folder / places.manifest.name)
    try:
        with duckdb.connect(str(folder / file.name), read_only=True) as connection:
            connection.execute(f"set memory_limit = '{places.memory_limit}'")
            connection.execute("set temp_directory = ?", [str(places.data_dir / "tmp")])
            connection.execute("set timezone = ?", [facts["timezone"]])
            yield Published(connection, is_sample=places.demo_marker.exists(), **facts)
    except duckdb.Error as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise AnalyticsError(f"DuckDB: {said}; ./analytics run --full-refresh rebuilds every database") from None


def _facts(manifest: Path) -> dict[str, Any]:
    """Return what the manifest says of the generation, by the fields above; without one, what is known of none."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        said = json.loads(manifest.read_bytes())
        return {
            "timezone": str(said["facts"]["dbt_vars"]["timezone"]),
            "created_at": datetime.fromisoformat(said["created_at"]).astimezone(UTC),
            "generation": int(said["number"]),
            "is_team_only": said["facts"].get("published") == "team",
        }
    return {"timezone": "UTC", "created_at": None}
