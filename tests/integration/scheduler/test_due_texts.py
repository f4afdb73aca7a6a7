"""What lines keep in the place of their texts is derived in portions: as the whole view has it, in bounded memory."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

import scheduler.due_texts
from scheduler.due_texts import Due
from scheduler.work_database import connect

LONG_TEXTS = """
insert into raw.conversations by name
select
    format('long{}', n) as document_id, format('long{}:{}', n, block) as conversation_id, block as block_index,
    2 as block_count, 1 as load_id, 'laptop' as host, 'p/long.jsonl' as source_file, n as byte_offset,
    'long' as session_id, 'assistant' as line_type, 'assistant' as message_type, 'text' as block_type,
    false as is_progress,
    timestamptz '2026-01-01 00:00:00+00' as event_at, repeat(md5(format('{}:{}', n, block)), 256) as block_text
from range($first, $first + 1000) as numbers(n), range(2) as blocks(block)
"""
"""A text of 8,192 characters in each of two blocks of 1,000 lines."""


@pytest.fixture
def work(demo: Path, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The work database of a demo."""
    database = Path(shutil.copy(demo / "duckdb" / "work" / "analytics.db", tmp_path))
    with closing(connect(database)) as connection:
        yield connection


def facts_of(removed: dict[str, Any]) -> list[dict[str, Any]]:
    """The facts of a line's blocks, without what the history of prompts adds."""
    blocks = (json.loads({**removed["line"], **row}["kept_facts"]) for row in removed["rows"])
    return [{name: value for name, value in facts.items() if name != "is_remembered"} for facts in blocks]


def test_texts_that_are_larger_than_the_memory_limit_are_no_problem(
    work: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler.due_texts, "PORTION_BYTES", 4_000_000)
    work.execute("delete from raw.conversations where hash(document_id) % 20 > 0")  # the demo's are many and short
    before = work.execute("select count(distinct document_id) from raw.conversations").fetchall()[0][0]
    for first in range(0, 5_000, 1_000):  # 82 MB
        work.execute(LONG_TEXTS, {"first": first})
    work.execute("checkpoint")
    work.execute("set memory_limit = '64MB'")
    due = Due(work, datetime.now(UTC), again=False)
    long, lines = {}, 0
    for document_id, removed in due.lines():
        lines += 1
        if document_id.startswith("long"):
            long[document_id] = [facts.get("message_length") for facts in facts_of(removed)]
    assert lines == before + 5_000
    assert list(long.values()) == [[2 * 8_192 + 1, None]] * 5_000, "the blocks of a message are put together"


def test_facts_in_portions_are_those_of_the_view(
    work: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler.due_texts, "PORTION_BYTES", 3_000_000)
    query = "select document_id, list(kept_facts order by block_index) from staging.stg_text_facts group by document_id"
    whole = {
        document_id: [
            {name: value for name, value in json.loads(facts).items() if value is not None} for facts in blocks
        ]
        for document_id, blocks in work.execute(query).fetchall()
    }
    due = Due(work, datetime.now(UTC), again=False)
    in_portions = {document_id: facts_of(removed) for document_id, removed in due.lines() if "rows" in removed}
    assert work.execute("select count(distinct portion) > 2 from portions").fetchall() == [(True,)]
    assert in_portions == whole
