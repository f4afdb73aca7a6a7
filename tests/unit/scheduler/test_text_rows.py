"""What is kept of a line without texts is all that the models read, and a line that only looks so stops nothing."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from common.catalog import CONVERSATIONS_SCHEMA
from loader.flatten import flatten
from records.reduced import REMOVED, original_length, reduced
from records.store import Place, StoredLine
from scheduler.text_retention import TextRetention
from scheduler.text_rows import ATTRIBUTES_KEPT, INPUT_KEPT, SKILL_NAMES, removed_of_rows

DBT = Path(__file__).resolve().parents[3] / "dbt"
SQL = "\n".join(
    path.read_text(encoding="utf-8") for part in ("models", "macros") for path in (DBT / part).rglob("*.sql")
)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEXTS_OF_INPUT, TEXTS_OF_ATTRIBUTES = {"command", "description", "prompt"}, {"error.formatted"}
NOT_KEPT = (
    *("document_id", "conversation_id", "block_index", "block_count", "project_id", "source_file", "host"),
    *("byte_offset", "ingested_at", "extracted_at", "block_text", "tool_result_text"),
)


def test_everything_that_the_models_read_of_inputs_and_attributes_is_kept() -> None:
    read = set(re.findall(r"tool_input ->> '\$\.([\w.]+)'", SQL))
    assert read == {*INPUT_KEPT, *SKILL_NAMES} | TEXTS_OF_INPUT
    assert set(re.findall(r"attributes ->> '\$\.([\w.]+)'", SQL)) == {*ATTRIBUTES_KEPT} | TEXTS_OF_ATTRIBUTES


def test_every_fact_that_a_model_takes_is_derived_for_texts_that_go() -> None:
    taken = set(re.findall(r"kept_or\('(\w+)'", SQL))
    derived = (DBT / "models" / "staging" / "stg_text_facts.sql").read_text(encoding="utf-8")
    assert taken - {"is_remembered"} == set(re.findall(r"^ +'(\w+)': ", derived, re.MULTILINE))


def _flattened(*documents: bytes) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [None] * len(documents) for name in CONVERSATIONS_SCHEMA.column_names}
    columns |= {
        "document_id": [f"d{n}" for n in range(len(documents))],
        "document": [text.decode() for text in documents],
    }
    return pa.Table.from_pydict(columns, schema=CONVERSATIONS_SCHEMA.as_arrow())


def test_a_reduced_line_gives_the_rows_that_the_whole_one_gave() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "make secret", "path": "/x"}}
    usage = {"input_tokens": 3, "output_tokens": 4, "cache_creation": {"ephemeral_5m_input_tokens": 2}}
    message = {
        "id": "m",
        "role": "assistant",
        "model": "claude-x",
        "usage": usage,
        "content": [call, {"type": "text", "text": "secret"}],
    }
    line = {
        "type": "assistant",
        "uuid": "u",
        "sessionId": "s",
        "timestamp": "2026-03-01T12:00:00.123456Z",
        "message": message,
    }
    whole = flatten(_flattened(orjson.dumps(line)), 100).conversations
    rows = whole.drop_columns([name for name in NOT_KEPT if name != "document_id"]).to_pylist()
    facts = {"kept_facts": '{"text_length":6}', "is_remembered": None}
    [(_, removed)] = list(removed_of_rows([row | facts for row in rows]))
    stored = StoredLine("d0", "s", "u", "assistant", Place("h", "p", "p/s.jsonl", 0), NOW, orjson.dumps(line))
    content = reduced(stored, removed).content
    assert original_length(content) == len(orjson.dumps(line))
    assert b"secret" not in content
    again = flatten(_flattened(content), 100).conversations
    changed = ["block_text", "tool_input", "kept_facts"]
    assert again.drop_columns(changed).equals(whole.drop_columns(changed))
    assert again["tool_input"].to_pylist() == ['{"path":"/x"}', None]
    assert again["kept_facts"].to_pylist() == ['{"text_length":6}'] * 2


@pytest.mark.parametrize(
    "removed",
    [
        {},
        {"line": {}, "rows": []},
        {"line": 1, "rows": [{}]},
        {"line": {"input_tokens": -1}, "rows": [{}]},
        {"line": {"event_at": "soon"}, "rows": [{}]},
        {"line": {"usage": "{"}, "rows": [{}]},
        {"line": {"message_type": "system"}, "rows": [{}]},
        {"line": {"is_meta": "yes"}, "rows": [{}]},
        {"line": {}, "rows": [{}], "maskedSecrets": [["a", "b", "c", -1]]},
        {"line": {}, "rows": [{}], "rejectedValues": [["a", "b"]]},
    ],
)
def test_a_line_that_only_looks_reduced_is_an_ordinary_line(removed: dict[str, Any]) -> None:
    content = orjson.dumps({"type": "user", "sessionId": "s", REMOVED: {**removed, "bytes": 5}})
    found = flatten(_flattened(content), 100)
    assert found.rejected_documents.num_rows == 0
    assert found.conversations.select(["session_id", "block_index", "kept_facts"]).to_pylist() == [
        {"session_id": "s", "block_index": 0, "kept_facts": None}
    ]


def test_days_are_cut_in_the_timezone() -> None:
    retention = TextRetention(30, "Europe/Berlin")
    assert retention.before(datetime(2026, 4, 10, 22, 30, tzinfo=UTC)) == datetime(2026, 3, 11, 23, tzinfo=UTC)
