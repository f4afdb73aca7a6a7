"""A line becomes a document whole, or an envelope that says where the whole of it is."""

import json
from datetime import UTC, datetime

import bson
import orjson
import pytest

from records.lines import Line, parse
from records.mongo_documents import OUR_FIELDS, PART_BYTES, dead_letter, document, part_count, parts, stamped
from records.store import Place, RejectedLine

ID = "0123456789abcdef0123456789abcdef"
PLACE = Place("laptop", "-home-robin", "-home-robin/s.jsonl", 77)
NOW = datetime(2026, 6, 1, 12, 30, 15, 250_000, tzinfo=UTC)


def only(raw: bytes) -> Line:
    (line,) = parse(raw)
    return line


def stored(raw: bytes) -> dict[str, object]:
    encoded, _ = document(only(raw), ID, PLACE)
    return bson.decode(bytes(stamped(encoded, NOW).raw), bson.CodecOptions(tz_aware=True))


def test_a_document_is_the_line_and_where_it_came_from() -> None:
    value = {"type": "user", "uuid": "u", "message": {"content": [{"text": "é\0", "n": 2**62, "f": 0.1, "x": None}]}}
    found = stored(orjson.dumps(value))
    assert {key: found.pop(key) for key in OUR_FIELDS & found.keys()} == {
        "_id": ID,
        "ingestedAt": NOW,
        "host": "laptop",
        "projectId": "-home-robin",
        "sourceFile": "-home-robin/s.jsonl",
        "byteOffset": 77,
    }
    assert found == value
    assert list(found) == list(value)


def test_the_moment_is_the_one_at_which_a_document_is_sent() -> None:
    encoded, _ = document(only(b'{"a":1}'), ID, PLACE)
    later = NOW.replace(hour=20)
    assert stamped(encoded, NOW)["ingestedAt"] != stamped(encoded, later)["ingestedAt"]
    assert stamped(encoded, NOW)["a"] == stamped(encoded, later)["a"] == 1


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"type":"user","n":9223372036854775808}', "integer beyond 64 bits"),
        (b'{"type":"user","x":{"$ref":"a","$id":"b"}}', "database reference"),
        (b'{"type":"user","n":NaN}', "NaN"),
        (b'{"type":"user","text":"\\ud83d"}', "lone surrogate"),
        (b'{"type":"user","text":"caf\xe9"}', "invalid UTF-8"),
        (b'{"type":"user","a\\u0000b":1}', "NULL byte"),
        (b'{"type":"user","_id":7}', "a field named _id"),
        (b'{"type":"user","host":"x"}', "a field named host"),
        (b'{"type":"user","a":' + b"[" * 200 + b"]" * 200 + b"}", "nested deeper"),
        (b'{"type":"user","a":"' + b"x" * 17_000_000 + b'"}', "larger than MongoDB's limit"),
    ],
)
def test_what_bson_cannot_hold_exactly_becomes_an_envelope(raw: bytes, reason: str) -> None:
    found = stored(raw)
    oversized = found["oversized"]
    assert isinstance(oversized, dict)
    assert reason in oversized["reason"]
    assert (oversized["bytes"], oversized["parts"]) == (len(raw), part_count(raw))
    assert (found["_id"], found["host"], found["type"]) == (ID, "laptop", "user")


def test_an_envelope_keeps_what_is_needed_to_recognise_and_count_a_line() -> None:
    message = {
        "id": "msg",
        "model": "m",
        "usage": {"output_tokens": 3},
        "content": [{"type": "text", "text": "x" * 9000}],
    }
    value = {"uuid": "u", "sessionId": "s", "isMeta": False, "long": "x" * 5000, "n": 2**63, "message": message}
    found = stored(json.dumps(value).encode())
    assert (found["uuid"], found["sessionId"], found["isMeta"]) == ("u", "s", False)
    assert found["message"] == {"id": "msg", "model": "m", "usage": {"output_tokens": 3}}
    assert not {"long", "n"} & found.keys()


def test_nothing_in_a_line_can_spoil_its_envelope() -> None:
    value = {
        "_id": "theirs", "oversized": "theirs", "a\0": 1, "$set": 1, "": 2, "\ud800": 3, "s": "\udc00",
        "n": float("inf"),
        "message": {"id": "\ud800", "usage": {"a": 2**80, "b\0": 1, "c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}},
    }  # fmt: skip
    found = stored(json.dumps(value).encode())
    assert found["_id"] == ID
    assert isinstance(found["oversized"], dict)
    assert found["s"] == "\ufffd" * 3


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])
def test_parts_put_together_are_the_line(size: int) -> None:
    raw = bytes(range(256)) * (size // 256 + 1)
    raw = raw[:size]
    stored = list(parts(raw, ID))
    assert b"".join(part["data"] for part in stored) == raw
    assert [part["_id"] for part in stored] == [f"{ID}:{index}" for index in range(part_count(raw))]


@pytest.mark.parametrize(
    ("raw", "in_parts"),
    [(b"// text", False), (b"caf\xe9", True), (b"x" * 1_100_000, True), (b"x" + "é".encode() * 600_000, True)],
)
def test_a_dead_letter_shows_the_line_and_says_when_that_is_not_all(raw: bytes, in_parts: bool) -> None:
    encoded, kept_in_parts = dead_letter(RejectedLine(ID, raw, "not JSON", PLACE))
    found = bson.decode(encoded)
    assert kept_in_parts is in_parts
    assert (found["byteOffset"], found["lineBytes"], found["sourceFile"]) == (77, len(raw), PLACE.source_file)
    assert "not JSON" in found["reason"]
    assert len(found["line"]) <= 1024 * 1024
    assert found.get("parts") == (part_count(raw) if in_parts else None)


@pytest.mark.parametrize(
    "value", [{"text": "x" * 17_000_000}, {"list": ["abc"] * 4_000_000}, {"a": {"b" * 17_000_000: 1}}]
)
def test_a_line_that_cannot_fit_is_found_without_encoding_it(
    value: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    line, encode = only(json.dumps(value).encode()), bson.encode
    monkeypatch.setattr(
        bson, "encode", lambda fields: encode(fields) if "oversized" in fields else pytest.fail("encoded")
    )
    _, reason = document(line, ID, PLACE)
    assert reason is not None
    assert "larger than MongoDB's limit" in reason


@pytest.mark.parametrize(
    "raw", [b'{ "a": 1 }', b'{"a":1,"a":2}', b'{"a":1e0}', b'{"a":"\\u0041"}', b'{"a":' + b"9" * 30 + b"}"]
)
def test_a_line_whose_bytes_its_document_would_not_give_back_is_kept_beside_it(raw: bytes) -> None:
    assert stored(raw)["rawLine"] == raw


def test_a_line_as_claude_code_writes_it_is_kept_once() -> None:
    assert "rawLine" not in stored('{"a":"é\\n\\u001b","b":[1,-2.5,null,true],"c":{}}'.encode())


def test_a_long_line_whose_text_is_short_is_kept_in_parts() -> None:
    """Escapes make it six times as long as what it says: beside its bytes there is no room for its text."""
    assert "larger than MongoDB's limit" in str(stored(b'{"text":"' + b"\\u0041" * 3_000_000 + b'"}')["oversized"])
