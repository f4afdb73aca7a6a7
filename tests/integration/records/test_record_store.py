"""One contract for both record stores: whatever is asked of them, MongoDB and SQLite answer alike."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from records import NewLine, Place, RecordStore, RejectedLine, StoredLine, StoreError
from records.file_state import FileState
from records.layouts import LayoutPart
from records.lines import fingerprint, identity, parse
from records.mongo_store import MongoStore
from records.sqlite_store import SqliteStore
from records.store import EARLIEST, LATEST

PLACE = Place("laptop", "p", "p/s.jsonl", 0)


def new_line(raw: bytes, place: Place = PLACE, repetition: int = 0) -> NewLine:
    (line,) = parse(raw)
    return NewLine(identity(line, fingerprint(line.raw), "s", repetition), line, place)


def everything(store: RecordStore) -> list[StoredLine]:
    return sorted(store.read_after(EARLIEST), key=lambda line: line.line_id)


ODD_LINES = [
    b'{"type":"user","uuid":"u","sessionId":"s","message":{"content":"hi"}}',
    b'{ "type" : "mode" }',
    b'{"a":1,"a":2}',
    b'{"n":1.0e3,"big":123456789012345678901234567890}',
    b'{"n":9223372036854775808}',
    b'{"n":NaN,"i":-Infinity}',
    b'{"s":"\\ud800","uuid":"\\udfff"}',
    b'{"s":"caf\xe9"}',
    b'{"_id":1,"host":2,"byteOffset":3}',
    b'{"x":{"$ref":"a","$id":"b"}}',
    b'{"a\\u0000b":1,"$set":{"c.d":1}}',
    b'{"deep":' + b"[" * 150 + b"]" * 150 + b"}",
    b'{"type":["list"],"sessionId":{"a":1}}',
    b'{"large":"' + b"x" * 17_000_000 + b'"}',
]


def test_every_line_comes_back_byte_for_byte_with_its_place(store: RecordStore) -> None:
    lines = [new_line(raw, replace(PLACE, byte_offset=offset)) for offset, raw in enumerate(ODD_LINES)]
    assert store.insert_lines(lines) == [None] * len(lines)
    found = {line.place.byte_offset: line.content for line in everything(store)}
    assert [found[offset] for offset in range(len(lines))] == ODD_LINES
    first = next(line for line in everything(store) if line.place.byte_offset == 0)
    assert (first.session_id, first.uuid, first.line_type, first.place) == ("s", "u", "user", PLACE)


def test_a_line_that_is_there_is_ignored_and_its_source_told(store: RecordStore) -> None:
    line = new_line(ODD_LINES[0])
    copy = replace(line, place=Place("other", "q", "q/t.jsonl", 7))
    store.insert_lines([line])
    (stored,) = everything(store)
    (source,) = store.insert_lines([copy])
    assert source is not None
    assert (source.host, source.source_file, source.byte_offset) == ("laptop", "p/s.jsonl", 0)
    assert source.ingested_at == stored.ingested_at
    assert everything(store) == [stored]


def test_a_line_twice_in_one_batch_is_stored_once(store: RecordStore) -> None:
    line = new_line(ODD_LINES[0])
    outcomes = store.insert_lines([line, replace(line, place=replace(PLACE, byte_offset=99))])
    assert [outcome is None for outcome in outcomes] == [True, False]
    assert outcomes[1] is not None
    assert outcomes[1].byte_offset == 0
    assert store.count() == 1


def test_ranges_of_ingestion_exclude_their_start_and_include_their_end(store: RecordStore) -> None:
    moments = [datetime(2026, 1, 1, 12, 0, second, tzinfo=UTC) for second in (1, 2, 2, 3)]
    store.restore_lines([stored(number, moment) for number, moment in enumerate(moments)])
    after, up_to = moments[0], moments[1]
    assert store.count_between(after, up_to) == 2
    assert sorted(store.ids_between(after, up_to)) == [line_id(1), line_id(2)]
    assert [line.ingested_at for line in store.read_after(after)] == [*moments[1:]]
    assert store.count_between(EARLIEST, LATEST) == 4


def line_id(number: int) -> str:
    return f"{number:032x}"


def stored(number: int, moment: datetime) -> StoredLine:
    content = b'{"type":"mode","n":%d}' % number
    return StoredLine(line_id(number), None, None, "mode", replace(PLACE, byte_offset=number), moment, content)


def test_restored_lines_are_as_they_were_and_missing_ones_are_counted(store: RecordStore) -> None:
    lines = [stored(number, datetime(2026, 1, 1 + number, tzinfo=UTC)) for number in range(3)]
    assert store.restore_lines(lines[:2]) == 2
    assert store.restore_lines(lines) == 1
    assert everything(store) == lines
    assert sorted(store.read_lines([line_id(1), line_id(77)]), key=lambda line: line.line_id) == [lines[1]]


def test_a_document_whose_line_is_not_known_is_restored_as_it_was(store: RecordStore) -> None:
    """As version 0.1.0 and other tools left them in Iceberg."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    content = (
        b'{"_id":"%s","ingestedAt":{"$date":"2026-01-01T00:00:00Z"},"type":"user","host":"h"}' % line_id(1).encode()
    )
    line = StoredLine(line_id(1), None, None, "user", Place("h", None, None, None), moment, content)
    assert store.restore_lines([line]) == 1
    assert everything(store) == [line]


def test_rejected_lines_keep_their_bytes_and_their_reason(store: RecordStore) -> None:
    broken = [b"// note", b"caf\xe9", b"x" * 2_000_000, b""]
    lines = [
        RejectedLine(line_id(n), raw, f"reason {n}", replace(PLACE, byte_offset=n)) for n, raw in enumerate(broken)
    ]
    store.insert_rejected(lines)
    store.insert_rejected(lines[:1])
    assert store.count_rejected() == len(broken)
    found = sorted(store.read_rejected(sorted(store.rejected_ids())), key=lambda line: line.line_id)
    assert [replace(line, ingested_at=None) for line in found] == lines
    assert all(line.ingested_at for line in found)
    assert store.restore_rejected(found) == 0


def test_states_of_files_are_replaced_and_told_apart_by_host(store: RecordStore) -> None:
    first, second = (FileState.new(host, Path("/t"), "p/s.jsonl") for host in ("a", "b"))
    first.read_bytes = 10
    store.save_states([first, second])
    assert store.count_states() == 2
    first.read_bytes, first.digest = 20, "d"
    first.modified_at = datetime(2026, 1, 1, 1, 2, 3, 456_000, tzinfo=UTC)
    store.save_states([first])
    assert store.states("a") == {"p/s.jsonl": first}
    assert store.has_state(first)
    assert not store.has_state(FileState.new("c", Path("/t"), "p/s.jsonl"))
    assert sorted(state.host for state in store.all_states()) == ["a", "b"]
    first.read_bytes, first.collected_at = 30, datetime(2026, 1, 2, tzinfo=UTC)
    assert store.restore_states([first, FileState.new("d", Path("/t"), "p/s.jsonl")]) == 2
    assert store.states("a") == {"p/s.jsonl": first}
    assert sorted(state.host for state in store.all_states()) == ["a", "b", "d"]


def test_nothing_is_settled_that_a_writer_may_still_add_to(store: RecordStore) -> None:
    store.insert_lines([new_line(b'{"n":1}')])
    settled = store.settled()
    store.insert_lines([new_line(b'{"n":2}')])
    newest = max(line.ingested_at for line in everything(store) if line.ingested_at)
    assert settled < newest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4), min_size=1, max_size=12))
def test_both_stores_hold_the_same_lines(
    tmp_path_factory: pytest.TempPathFactory, mongo_database: Database[dict[str, Any]], values: list[dict[str, Any]]
) -> None:
    """Copied from one into the other and back, nothing changes."""
    import json  # noqa: PLC0415

    lines = [new_line(json.dumps(value).encode(), replace(PLACE, byte_offset=n)) for n, value in enumerate(values)]
    with closing(SqliteStore(tmp_path_factory.mktemp("store") / "records.db")) as sqlite:
        sqlite.insert_lines(lines)
        mongo = MongoStore(mongo_database)
        mongo.restore_lines(everything(sqlite))
        back = list(mongo.read_lines([line.line_id for line in everything(sqlite)]))
        assert [line.content for line in sorted(back, key=lambda line: line.line_id)] == [
            line.content for line in everything(sqlite)
        ]


def fail_after_inserting(store: RecordStore) -> None:
    with store.transaction():
        store.insert_lines([new_line(b'{"n":1}')])
        raise ZeroDivisionError


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "records.db")) as store:
        with pytest.raises(ZeroDivisionError):
            fail_after_inserting(store)
        assert store.count() == 0
        store.insert_lines([new_line(b'{"n":1}')])
        assert store.count() == 1


def test_the_moment_of_ingestion_never_falls_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SqliteStore(tmp_path / "records.db")) as store:
        store.insert_lines([new_line(b'{"n":1}')])
        before = store.settled()
        monkeypatch.setattr(SqliteStore, "now", lambda self: before - timedelta(hours=3))
        store.insert_lines([new_line(b'{"n":2}')])
        assert store.count_between(before, LATEST) == 1


@pytest.mark.parametrize("content", [b"not a database at all, " * 100, b""])
def test_a_file_that_is_no_record_store_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(content)
    if content:
        with pytest.raises(
            StoreError, match=r"^the record store .*records.db: .*; move .* away: the next run"
        ) as raised:
            SqliteStore(path)
        assert "\n" not in str(raised.value)
    else:
        SqliteStore(path).close()


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "records.db").close()
    with closing(sqlite3.connect(tmp_path / "records.db")) as connection:
        connection.execute("pragma user_version = 99")
    with pytest.raises(StoreError, match="schema 99 is newer than this version's 2; update claude-analytics"):
        SqliteStore(tmp_path / "records.db")


def test_layouts_of_files_are_kept_replaced_and_counted(store: RecordStore) -> None:
    first = LayoutPart("laptop", "p/s.jsonl", 0, 10, b"one")
    others = [replace(first, byte_offset=-1), replace(first, version=1), replace(first, host="other")]
    assert store.save_layouts([first, *others]) == 4
    store.save_layouts([replace(first, content=b"two")])
    assert store.count_layouts() == 4
    kept = {part.byte_offset: part.content for part in store.layouts("laptop", "p/s.jsonl", 0)}
    assert kept == {10: b"two", -1: b"one"}
    assert sorted(part.id for part in store.all_layouts()) == sorted(part.id for part in [first, *others])


def test_lines_are_found_by_their_file(store: RecordStore) -> None:
    place = Place("laptop", "p", "p/t.jsonl", 5)
    store.insert_lines([new_line(ODD_LINES[0]), new_line(ODD_LINES[1], place)])
    (found,) = store.lines_of("laptop", {"p/t.jsonl", "p/none.jsonl"})
    assert (found.source_file, found.byte_offset) == ("p/t.jsonl", 5)
    assert [line.content for line in store.read_lines([found.line_id])] == [ODD_LINES[1]]
    assert list(store.lines_of("other", {"p/t.jsonl"})) == []


def test_a_snapshot_of_a_file_does_not_see_what_is_written_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    with closing(SqliteStore(path)) as reader, closing(SqliteStore(path)) as writer:
        writer.insert_lines([new_line(ODD_LINES[0])])
        with reader.snapshot():
            assert reader.count() == 1
            writer.insert_lines([new_line(ODD_LINES[1])])
            assert len(everything(reader)) == 1
        assert reader.count() == 2
