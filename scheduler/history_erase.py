"""Removes quotes of transcripts from the history of runs: rows that failed a test, and lines that mention them."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

_FORGOTTEN = "[forgotten]"
_TEXTS = (("log_lines", "message"), ("runs", "message"), ("steps", "message"), ("dbt_results", "message"))


def erase_quotes(path: Path, samples: Sequence[str]) -> None:
    """Delete every row that failed a test, and replace messages that contain one of these samples."""
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
        connection.execute("pragma secure_delete = on")
        connection.execute("begin immediate")
        connection.execute("update dbt_results set failing_rows = null, failing_columns = null")
        for table, column in _TEXTS:
            connection.executemany(
                f"update {table} set {column} = ? where instr({column}, ?)", [(_FORGOTTEN, text) for text in samples]
            )
        connection.execute("commit")
        connection.execute("vacuum")
        connection.execute("pragma wal_checkpoint(truncate)")
