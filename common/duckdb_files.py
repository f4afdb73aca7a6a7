"""Opens DuckDB files: readable by every DuckDB from 1.4 on, bounded in memory."""

from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from common.settings import Settings

STORAGE_VERSION = "v1.4.0"
DEFAULT_MEMORY_LIMIT: str = Settings.model_fields["duckdb_memory_limit"].default


class DuckDBLimits(NamedTuple):
    """DuckDB's limits: memory, the folder to spill to (None: beside the database), and threads."""

    memory_limit: str = DEFAULT_MEMORY_LIMIT
    temp_directory: Path | None = None
    threads: int = 2

    @classmethod
    def of(cls, settings: Settings) -> "DuckDBLimits":
        """Return the limits that the settings name."""
        return cls(settings.duckdb_memory_limit, settings.duckdb_temp_directory)


DEFAULT_LIMITS = DuckDBLimits()


def open_work_database(database: Path, limits: DuckDBLimits = DEFAULT_LIMITS) -> duckdb.DuckDBPyConnection:
    """Open the work database for writing, its session in UTC."""
    config: dict[str, Any] = {
        "storage_compatibility_version": STORAGE_VERSION,
        "memory_limit": limits.memory_limit,
        "threads": limits.threads,
        "preserve_insertion_order": False,
    }
    if limits.temp_directory:
        config["temp_directory"] = str(limits.temp_directory)
    connection = duckdb.connect(str(database), config=config)
    connection.execute("set timezone = 'UTC'")
    return connection


def open_in_memory(limits: DuckDBLimits = DEFAULT_LIMITS) -> duckdb.DuckDBPyConnection:
    """Open an empty in-memory database, to read files of other formats."""
    return duckdb.connect(config={"memory_limit": limits.memory_limit, "threads": limits.threads})


def open_read_only(database: Path, limits: DuckDBLimits = DEFAULT_LIMITS) -> duckdb.DuckDBPyConnection:
    """Open a database for reading.

    The limits are set after opening: DuckDB refuses to open a file twice in a process with different settings.
    """
    connection = duckdb.connect(str(database), read_only=True)
    try:
        connection.execute(f"set memory_limit = '{limits.memory_limit}'")
        if limits.temp_directory:
            connection.execute("set temp_directory = ?", [str(limits.temp_directory)])
    except duckdb.Error:
        connection.close()
        raise
    return connection
