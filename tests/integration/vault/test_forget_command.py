"""`forget` from end to end, as a person runs it: no byte of a session is left in any file, the rest is as it was."""

import base64
import gzip
import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from scheduler.published_text import ONLY_WHERE, TEXT_COLUMNS
from tests.integration.vault.conftest import Answer, Command
from tests.integration.vault.histories import Built

OF_THE_RUN = {"fct_pipeline_runs", "fct_dbt_results"}
VOLATILE = {"ingested_at", "first_ingested_at", "last_ingested_at", "extracted_at", "loaded_at", "load_id"}


@pytest.fixture(scope="module")
def published(built: Built) -> dict[str, list[Any]]:
    """What was published of the other sessions."""
    return marts(built.without)


def ran(answer: Answer) -> Answer:
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer


def everything_in(folder: Path) -> bytes:
    """All bytes of all files, and what is packed in them, unpacked without any code of the program's own."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        found.append(content)
        if path.suffix == ".parquet":
            found.append(json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False).encode())
        elif path.suffix == ".db" and content[8:12] == b"DUCK":
            found.append(_duckdb(path))
        elif path.suffix == ".db":
            found.append(_sqlite(path))
        elif path.suffix in {".js", ".html"}:
            found += map(_unpacked, re.findall(rb'"([A-Za-z0-9+/]{64,}=*)"', content))
    return b"\n".join(found)


def _duckdb(path: Path) -> bytes:
    with duckdb.connect(path, read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name from duckdb_tables() where not internal").fetchall()
        rows = [connection.execute(f'from "{schema}"."{table}"').fetchall() for schema, table in tables]
    return repr(rows).encode("utf-8", "replace")


def _sqlite(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        return repr([connection.execute(f'select * from "{name}"').fetchall() for name in tables]).encode()


def _unpacked(packed: bytes) -> bytes:
    try:
        return gzip.decompress(base64.b64decode(packed))
    except (ValueError, OSError, EOFError):
        return b""


def texts_of(file: Path) -> list[str]:
    """What a person and Claude wrote in a transcript, and what tools printed, a piece of each."""
    found = []
    for line in file.read_bytes().splitlines():
        try:
            found += list(_texts(json.loads(line)))
        except ValueError:
            continue
    return found


def texts_of_it_alone(built: Built) -> list[str]:
    """What no other transcript says."""
    (file,) = built.projects.glob(f"*/{built.gone}.jsonl")
    elsewhere = b"".join(path.read_bytes() for path in built.others.rglob("*.jsonl"))
    return sorted({text for text in texts_of(file) if text.encode() not in elsewhere})


def _texts(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, name)
    elif isinstance(value, str) and name in {"text", "content", "prompt", "command", "stdout", "thinking"}:
        yield from re.findall(r"[A-Za-z][A-Za-z ,]{30,60}", value)[:1]


def marts(data: Path) -> dict[str, list[Any]]:
    """Every row of every mart, but for what tells of runs and moments of loading."""
    with duckdb.connect(data / "duckdb/current/analytics.db", read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        found = {}
        for (table,) in tables:
            columns = {row[0] for row in connection.execute(f"describe marts.{table}").fetchall()}
            names = sorted(columns - VOLATILE - set(TEXT_COLUMNS.get(f"marts.{table}", ())))
            found[table] = connection.execute(f"select {', '.join(names)} from marts.{table} order by all").fetchall()
    return {table: rows for table, rows in found.items() if table not in OF_THE_RUN}


def test_no_byte_of_a_session_is_left_and_the_rest_is_as_it_was(
    analytics: Command, built: Built, tmp_path: Path, published: dict[str, list[Any]]
) -> None:
    data, gone, named = tmp_path / "data", built.gone, {"TRANSCRIPTS_DIR": str(built.projects)}
    shutil.copytree(built.data, data, symlinks=True)
    texts = texts_of_it_alone(built)
    assert len(texts) > 5
    before = everything_in(data)
    assert all(sample.encode() in before for sample in (*texts, gone)), "the search finds what is there"

    shown = analytics("forget", "--session", gone[:8], "--dry-run", "--data", data, **named)
    assert f"session {gone}: 1 session, " in ran(shown).stdout
    refused = analytics("forget", "--session", gone, "--data", data, **named)
    assert (refused.returncode, "stdin is not a terminal; pass --yes" in refused.stderr) == (2, True)
    assert gone.encode() in everything_in(data / "records"), "nothing was deleted so far"

    done = analytics("forget", "--session", gone, "--yes", "--reason", "a test", "--data", data, **named)
    assert "nothing found" in ran(done).stdout
    after = everything_in(data)
    assert [sample for sample in (*texts, gone) if sample.encode() in after] == []
    assert len(list((data / "duckdb/generations").iterdir())) == 1

    ran(analytics("run", "--data", data, **named))
    ran(analytics("verify", "--data", data, **named))
    assert gone.encode() not in everything_in(data), "the transcript is still there, and is not read"
    log = json.loads(ran(analytics("forget", "--list", "--json", "--data", data)).stdout)
    assert [(entry["kind"], entry["reason"], "key" in entry) for entry in log] == [("session", "a test", False)]
    assert log[0]["counts"]["lines"] > 0
    assert log[0]["counts"]["tokens"] > 0
    assert marts(data) == published, "as if the session had never been"


def test_without_published_text_figures_stay_and_no_text_is_published(
    analytics: Command, built: Built, tmp_path: Path, published: dict[str, list[Any]]
) -> None:
    data, named = tmp_path / "data", {"TRANSCRIPTS_DIR": str(built.others)}
    shutil.copytree(built.without, data, symlinks=True)
    (data / "duckdb/as-of/2026-01-01").mkdir(parents=True)
    ran(analytics("run", "--data", data, PUBLISHED_TEXT="off", **named))
    assert not (data / "duckdb/as-of").exists(), "folders of another day had text"
    after = marts(data)
    assert {table for table in published if published[table] != after[table]} == set()
    assert len(list((data / "duckdb/generations").iterdir())) == 1, "the older one had text"
    texts = {text for file in built.others.rglob("*.jsonl") for text in texts_of(file)}
    shown = [data / "duckdb/current", data / "report_sessions"]
    shown_bytes = b"".join(map(everything_in, shown)) + (data / "report.html").read_bytes()
    assert len(texts) > 15
    assert [text for text in texts if text.encode() in shown_bytes] == []
    assert "published without text" in ran(analytics("search", "the", "--data", data)).stdout
    done = ran(analytics("run", "--data", data, **named)).stdout
    assert re.search("- transform .* nothing new since the last publication", done), "the models are as they were"
    assert "published without text" not in ran(analytics("search", "the", "--data", data)).stdout


def test_every_text_column_is_a_column(built: Built) -> None:
    with duckdb.connect(built.without / "duckdb/current/analytics.db", read_only=True) as connection:
        for table, columns in TEXT_COLUMNS.items():
            connection.execute(
                f"select {', '.join(columns)} from {table} where {ONLY_WHERE.get(table, 'true')} limit 0"
            )


def test_wrong_usage_takes_one_line(analytics: Command, tmp_path: Path) -> None:
    for arguments, said in (
        ((), "expected one of --session, --project, --person, --before and --list"),
        (("--session", "a", "--before", "2026-01-01"), "expected one of"),
        (("--before", "tomorrow"), "before: expected a day such as 2026-01-31, found 'tomorrow'"),
        (("--session", "nope"), "session: expected an id or a unique prefix"),
    ):
        answer = analytics("forget", *arguments, "--data", tmp_path / "data")
        assert (answer.returncode, said in answer.stderr, answer.stderr.count("\n")) == (2, True, 1), answer.stderr
