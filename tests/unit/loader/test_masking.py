"""Secrets are masked in whatever part of a line they stand, and nothing else changes."""

import json
import os
import re
import stat
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UsageError
from common.masking import BEGINNINGS, MASK, Masker, rule_cache
from common.settings import load_settings
from loader.iceberg_rows import rows_of_lines, rows_of_rejected
from loader.masked_columns import masked_documents, may_hold_secrets
from loader.masked_secrets import masked_secrets
from records import Place, RejectedLine, StoredLine
from sample.transcripts import write_sample
from tests.unit.loader.planted_secrets import Planted, planted

PLACE = Place("here", "p", "p/s.jsonl", 0)
ALL = list(planted(seed=1))
MASKER = Masker(b"a key for tests")
WRITTEN: dict[str, Callable[[str], Any]] = {
    "whole": lambda text: {"content": text},
    "a line of its own": lambda text: {"content": f"see\n{text}\nthanks"},
    "after a tab, in quotes": lambda text: {"input": {"command": f"export X=\t'{text}'"}},
    "JSON in JSON": lambda text: {"input": json.dumps({"env": f"see\n{text}"})},
}


@pytest.fixture(scope="module")
def masker() -> Masker:
    """One with a key, and the compiled rules of this environment."""
    found = Masker.of(load_settings(fingerprint_key="a key for tests"))
    assert found is not None
    return found


def _masked(masker: Masker, *documents: Any) -> list[str]:
    texts = [document if isinstance(document, str) else json.dumps(document) for document in documents]
    masked: list[str] = masked_documents(masker, pa.array(texts)).to_pylist()
    return masked


@pytest.mark.parametrize("secret", ALL, ids=lambda secret: secret.name)
@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_no_part_of_a_secret_stays(masker: Masker, secret: Planted, written: Callable[[str], Any]) -> None:
    [text] = _masked(masker, written(secret.text))
    assert secret.secret not in text.replace("\\n", "")
    assert MASK.search(text)
    assert json.loads(text).keys() == written("").keys()


@given(st.data())
@settings(deadline=None)
def test_every_text_with_a_beginning_is_selected(data: st.DataObject) -> None:
    """Python's regular expressions select the same texts, at any position in a whole or sliced array."""
    pieces = st.one_of([st.from_regex(re.compile(beginning, re.ASCII)) for beginning in BEGINNINGS] + [st.text()])
    texts = data.draw(st.lists(st.lists(pieces, max_size=3).map("".join), min_size=1, max_size=8))
    start = data.draw(st.integers(0, len(texts)))
    expected = {
        place
        for place, text in enumerate(texts[start:])
        if any(re.search(beginning.encode(), text.encode()) for beginning in BEGINNINGS)
    }
    array = pa.array([text.encode() for text in texts], pa.binary()).cast(pa.string())
    assert expected <= set(may_hold_secrets(MASKER, array[start:]))


def test_no_text_is_selected_without_a_beginning() -> None:
    texts = pa.array(["AK", "IA2", "", "one", "", None, "xx AKIA2 yy", "", "ghp_x", ""])
    assert may_hold_secrets(MASKER, texts) == [1, 6, 8]  # the second one for what it has with the first
    assert may_hold_secrets(MASKER, texts[7:]) == [1]
    assert may_hold_secrets(MASKER, texts[:1]) == []
    assert may_hold_secrets(MASKER, texts[:0]) == []
    assert may_hold_secrets(MASKER, pa.array([], pa.string())) == []


def test_the_same_secret_has_the_same_fingerprint_and_another_key_another(masker: Masker) -> None:
    token = ALL[1].text
    once, again = (MASK.search(text) for text in _masked(masker, {"a": token}, {"b": f"so: {token}."}))
    [elsewhere] = _masked(Masker(b"another key", rule_cache(load_settings())), {"a": token})
    assert once
    assert again
    assert once[0] == again[0]
    assert once[0] not in elsewhere
    assert MASK.search(elsewhere)


def test_what_was_masked_is_not_masked_again(masker: Masker) -> None:
    once = _masked(masker, *({"a": secret.text} for secret in ALL))
    assert _masked(masker, *once) == once


def test_a_history_without_secrets_stays_as_it_is(masker: Masker, tmp_path: Path) -> None:
    write_sample(tmp_path, days=14, until=date(2026, 6, 30))
    lines = [line for path in tmp_path.rglob("*.jsonl") for line in path.read_text("utf-8").splitlines()]
    assert len(lines) > 1000
    assert _masked(masker, *lines) == lines


def test_ordinary_code_and_prose_stay_as_they_are(masker: Masker) -> None:
    ordinary = [
        "token = get_token()  # the token1 of user2",
        "password: str = os.environ['DB_PASSWORD1']",
        "secret = settings.secret_key1234()",
        "https://example.com:8080/path?token_count=123456789012",
        '"input_tokens": 1234567890, "cache_read_input_tokens": 99999999',
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "uuid 2b1d0e1c-3c2f-4f57-9d6b-1f1f6f1f1f1f",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "api_key=$API_KEY1 and password=<your password1>",
    ]
    documents = [{"content": text} for text in ordinary]
    assert [json.loads(text) for text in _masked(masker, *documents)] == documents


def test_a_mask_that_would_break_the_json_is_put_into_its_texts(
    masker: Masker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a detector takes for a secret, the line stays JSON."""
    whole = masker.text
    document = json.dumps({"a": ALL[1].text, "b": 1}).encode()
    monkeypatch.setattr(masker, "text", lambda raw: raw[:-1] if raw == document else whole(raw))
    masked = json.loads(masker.document(document))
    assert masked["b"] == 1
    assert MASK.fullmatch(masked["a"])


def test_bytes_that_are_no_text_and_lines_that_are_no_json_are_masked_too(masker: Masker) -> None:
    token = ALL[1].text.encode()
    lines = [StoredLine("a", None, None, None, PLACE, None, b'{"a": "\xff ' + token + b'"}')]
    [row] = rows_of_lines(lines, datetime(2026, 1, 1, tzinfo=UTC), masker).to_pylist()
    [rejected] = rows_of_rejected([RejectedLine("b", b"{broken " + token, "no JSON", PLACE)], masker).to_pylist()
    for value in (*row.values(), *rejected.values()):
        assert token not in (value if isinstance(value, bytes) else str(value).encode())
    assert b"\xff" in row["exact_line"]


def test_each_secret_is_counted_where_it_stands(masker: Masker) -> None:
    token, other = ALL[1].text, ALL[3].text
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": token}]}
    call = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": f"curl -H {token}"}}
    lines = {
        "prompt": {"type": "user", "message": {"content": f"{token} and {token}"}},
        "answer": {"type": "assistant", "message": {"content": [{"type": "text", "text": other}]}},
        "input": {"type": "assistant", "message": {"content": [call]}},
        "output": {"type": "user", "message": {"content": [result]}, "toolUseResult": {"stdout": token}},
        "summary": {"type": "summary", "summary": other},
        "none": {"type": "user", "message": {"content": "hi"}},
    }
    masked = _masked(masker, *lines.values())
    found = masked_secrets(pa.table({"document_id": list(lines), "document": masked}))
    assert [(name, kind, place, count) for name, kind, _, place, count in found] == [
        ("prompt", "github-pat", "prompt", 2),
        ("answer", "gitlab-pat", "answer", 1),
        ("input", "github-pat", "tool input", 1),
        ("output", "github-pat", "tool output", 2),
        ("summary", "gitlab-pat", "other", 1),
    ]


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    chosen = load_settings(data_dir=tmp_path)
    first, second = Masker.of(chosen), Masker.of(chosen)
    assert first
    assert second
    assert first.label == second.label
    [path] = [entry for entry in tmp_path.iterdir() if entry.is_file()]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("", encoding="ascii")
    with pytest.raises(UsageError, match="expected a key, found an empty file"):
        Masker.of(chosen)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_key_that_cannot_be_written_says_what_to_set(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="set FINGERPRINT_KEY"):
        Masker.of(load_settings(data_dir=tmp_path))


def test_masking_can_be_off(tmp_path: Path) -> None:
    assert Masker.of(load_settings(data_dir=tmp_path, masking="off")) is None
    assert list(tmp_path.iterdir()) == []
