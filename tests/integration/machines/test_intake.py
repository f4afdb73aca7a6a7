"""What a machine sends is stored exactly as if a collector had written it here, however often and late it comes."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import collector
from collector.passes import Collector
from collector.receiver.intake import known_files, take
from collector.sender.sink import SpoolSink
from collector.sender.spool import RewoundError, Spool, SpoolError, SpoolFullError
from collector.wire import unpack
from records import RecordStore
from records.sqlite_store import SqliteStore
from records.store import EARLIEST
from tests.faults.hostile_tree import write_hostile
from tests.integration.collecting import LINE, append, write

LIMIT = 2**30


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """An empty spool."""
    with closing(Spool(tmp_path / "sender" / "spool.db", LIMIT)) as opened:
        yield opened


def collect(spool: Spool, projects: Path) -> None:
    Collector(SpoolSink(spool), projects, "laptop").collect()


def ship(store: RecordStore, spool: Spool, times: int = 1, most: int = 10**6) -> int:
    """Deliver what waits, each delivery so many times; return how many files were behind."""
    behind = []
    while most and (waiting := spool.oldest()):
        for _ in range(times):
            behind = take(store, "laptop", unpack(waiting.content))
        spool.acknowledge(waiting, behind)
        most -= 1
    return len(behind)


def contents(store: RecordStore) -> dict[str, Any]:
    """All that is stored, but for the moments at which it was."""
    lines = {line.line_id: (line.place, line.content) for line in store.read_after(EARLIEST)}
    rejected = store.read_rejected(list(store.rejected_ids()))
    moments = {"collected_at": None, "reset_at": None}
    states = {state.id: asdict(state) | moments for state in store.all_states()}
    layouts: dict[tuple[Any, ...], bytes] = {
        (part.host, part.source_file, part.version, part.byte_offset): part.content for part in store.all_layouts()
    }
    kept = {line.line_id: (line.place, line.raw, line.reason) for line in rejected}
    return {"lines": lines, "rejected": kept, "states": states, "layouts": layouts}


def collected(projects: Path, path: Path) -> dict[str, Any]:
    """What a collector stores in one pass."""
    with closing(SqliteStore(path)) as store:
        collector.collect(store, projects, "laptop")
        return contents(store)


@pytest.mark.parametrize("times", [1, 2])
def test_a_hostile_history_is_stored_as_a_collector_stores_it(
    store: RecordStore, spool: Spool, tmp_path: Path, times: int
) -> None:
    projects = tmp_path / "projects"
    write_hostile(projects, seed=5, files=2, lines=150, scratch=tmp_path)
    collect(spool, projects)
    assert ship(store, spool, times) == 0
    assert contents(store) == collected(projects, tmp_path / "directly.db")


def test_files_that_grow_are_copied_and_rewritten_are_stored_as_a_collector_stores_them(
    store: RecordStore, spool: Spool, tmp_path: Path
) -> None:
    projects = tmp_path / "projects"
    with closing(SqliteStore(tmp_path / "directly.db")) as directly:
        for step in _history(projects):
            step()
            collector.collect(directly, projects, "laptop")
            collect(spool, projects)
            ship(store, spool)
        assert contents(store) == contents(directly)


def _history(projects: Path) -> Iterator[Any]:
    file, copy = projects / "p/s.jsonl", projects / "q/s.jsonl"
    mode = b'{"type":"mode"}\n'
    yield lambda: write(file, LINE % 1 + mode * 2 + b"broken\n")
    yield lambda: append(file, LINE % 2 + mode + b"\n\n")
    yield lambda: write(copy, file.read_bytes() + LINE % 3)
    yield lambda: write(file, LINE % 4 + mode)
    yield lambda: append(file, LINE % 1)
    yield copy.unlink


def test_what_waits_is_sent_after_the_transcript_is_gone(store: RecordStore, spool: Spool, tmp_path: Path) -> None:
    projects = tmp_path / "projects"
    write(projects / "p/s.jsonl", LINE % 1 + LINE % 2)
    collect(spool, projects)
    (projects / "p/s.jsonl").unlink()
    collect(spool, projects)
    ship(store, spool)
    assert store.count() == 2
    assert store.states("laptop")["p/s.jsonl"].status == "missing"


def test_a_receiver_that_lost_its_store_gets_everything_again(store: RecordStore, spool: Spool, tmp_path: Path) -> None:
    """As after a restored backup: what was acknowledged is gone, and the machine goes back to what is known."""
    projects, older = tmp_path / "projects", tmp_path / "older.db"
    write(projects / "p/s.jsonl", LINE % 1 + LINE % 2)
    collect(spool, projects)
    with closing(SqliteStore(older)) as lost:
        ship(lost, spool)
    append(projects / "p/s.jsonl", LINE % 3)
    collect(spool, projects)
    assert ship(store, spool) == 1
    assert store.count() == 1, "the line that came is stored, the others are not known"
    assert store.states("laptop") == {}
    collect(spool, projects)
    assert ship(store, spool) == 0
    assert contents(store) == collected(projects, tmp_path / "directly.db")


def test_a_machine_that_lost_its_spool_goes_on_from_what_the_receiver_knows(
    store: RecordStore, spool: Spool, tmp_path: Path
) -> None:
    projects = tmp_path / "projects"
    write(projects / "p/s.jsonl", LINE % 1 + LINE % 2)
    collect(spool, projects)
    ship(store, spool)
    with closing(Spool(tmp_path / "again" / "spool.db", LIMIT)) as empty:
        assert empty.adopt(list(known_files(store, "laptop"))) == 1
        assert empty.adopt(list(known_files(store, "laptop"))) == 0
        append(projects / "p/s.jsonl", LINE % 3)
        collect(empty, projects)
        waiting = empty.oldest()
        assert waiting
        assert len(unpack(waiting.content).lines) == 1
        ship(store, empty)
    assert contents(store) == collected(projects, tmp_path / "directly.db")


def test_a_machine_that_lost_its_spool_offline_doubles_nothing(
    store: RecordStore, spool: Spool, tmp_path: Path
) -> None:
    projects = tmp_path / "projects"
    write(projects / "p/s.jsonl", LINE % 1 + b'{"type":"mode"}\n' * 2)
    write(projects / "q/s.jsonl", LINE % 1)
    collect(spool, projects)
    ship(store, spool)
    append(projects / "p/s.jsonl", LINE % 3)
    with closing(Spool(tmp_path / "again" / "spool.db", LIMIT)) as empty:
        collect(empty, projects)
        ship(store, empty)
    assert contents(store) == collected(projects, tmp_path / "directly.db")


def test_a_pass_that_the_receiver_overtook_begins_again(store: RecordStore, spool: Spool, tmp_path: Path) -> None:
    projects = tmp_path / "projects"
    write(projects / "p/s.jsonl", LINE % 1 + LINE % 2)
    sink = SpoolSink(spool)
    follower = Collector(sink, projects, "laptop")
    follower.collect()
    with closing(SqliteStore(tmp_path / "lost.db")) as lost:
        ship(lost, spool)
    spool.adopt([])
    append(projects / "p/s.jsonl", LINE % 3)
    with pytest.raises(RewoundError):
        sink.save_states(follower.states.values())
    follower.collect()
    ship(store, spool)
    assert contents(store) == collected(projects, tmp_path / "directly.db")


def test_a_full_spool_takes_nothing_more_until_something_is_sent(store: RecordStore, tmp_path: Path) -> None:
    projects = tmp_path / "projects"
    write(projects / "p/s.jsonl", LINE % 1)
    with closing(Spool(tmp_path / "sender" / "spool.db", 1)) as small:
        collect(small, projects)
        append(projects / "p/s.jsonl", LINE % 2)
        with pytest.raises(SpoolFullError, match="SPOOL_LIMIT_MB"):
            collect(small, projects)
        ship(store, small)
        collect(small, projects)
        ship(store, small)
    assert contents(store) == collected(projects, tmp_path / "directly.db")


def test_a_line_that_the_receiver_would_not_take_holds_its_file_back_and_no_other(
    store: RecordStore, spool: Spool, tmp_path: Path
) -> None:
    projects = tmp_path / "projects"
    write(projects / "p/long.jsonl", LINE % 1 + b'{"x":"' + b"x" * 2000 + b'"}\n' + LINE % 2)
    write(projects / "q/s.jsonl", LINE % 3)
    for _ in range(2):
        Collector(SpoolSink(spool), projects, "laptop", longest=1000).collect()
        ship(store, spool)
    state = store.states("laptop")["p/long.jsonl"]
    assert (state.status, state.lines, state.read_bytes) == ("unreadable", 1, len(LINE % 1))
    assert state.error == "a line of 2,009 bytes: the receiver accepts at most 1,000"
    assert store.count() == 2
    collect(spool, projects)
    ship(store, spool)
    assert contents(store) == collected(projects, tmp_path / "directly.db")


def test_what_was_sent_takes_no_room_any_more(store: RecordStore, spool: Spool, tmp_path: Path) -> None:
    write(
        tmp_path / "projects/p/s.jsonl", b"".join(b'{"r":"%s"}\n' % os.urandom(2000).hex().encode() for _ in range(900))
    )
    collect(spool, tmp_path / "projects")
    file = tmp_path / "sender" / "spool.db"
    full = sum(path.stat().st_size for path in file.parent.iterdir())
    ship(store, spool)
    spool.close()
    assert file.stat().st_size < full / 20


def test_two_senders_of_one_folder_do_not_work_at_once(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="another sender is using"):
        Spool(tmp_path / "sender" / "spool.db", LIMIT)


def test_the_spool_is_its_owners_alone(spool: Spool, tmp_path: Path) -> None:
    write(tmp_path / "projects/p/s.jsonl", LINE % 1)
    collect(spool, tmp_path / "projects")
    assert (tmp_path / "sender").stat().st_mode & 0o077 == 0
    assert (tmp_path / "sender" / "spool.db").stat().st_mode & 0o077 == 0


def test_a_session_that_two_machines_have_is_stored_once(store: RecordStore, tmp_path: Path) -> None:
    projects = tmp_path / "projects"
    write(projects / "p/s.jsonl", LINE % 1 + b'{"type":"mode"}\n' * 3)
    for name in ("laptop", "desktop"):
        with closing(Spool(tmp_path / name / "spool.db", LIMIT)) as one:
            Collector(SpoolSink(one), projects, name).collect()
            while waiting := one.oldest():
                one.acknowledge(waiting, take(store, name, unpack(waiting.content)))
    assert store.count() == 4
    assert store.states("desktop")["p/s.jsonl"].duplicates == 4
    assert store.states("laptop")["p/s.jsonl"].duplicates == 0
