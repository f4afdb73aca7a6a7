"""What is worth an alert about a collector, and what the loader makes of the states in the record store."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from collector.passes import Collector
from collector.standing import Standing
from common.errors import PassingError
from common.loader_results import CollectorState
from loader.collectors import collector_states
from records.file_state import DIRECTORY, MISSING, UNREADABLE, FileState
from records.sqlite_store import SqliteStore
from scheduler.collector_watch import CollectorWatch
from scheduler.publish import Generation

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def state(**more: object) -> CollectorState:
    given = {
        "host": "laptop",
        "transcripts": "/home/owner/.claude/projects",
        "seen_at": NOW,
        "problem": None,
        "files": 3,
        "last_line_at": NOW,
    }
    return CollectorState.model_validate(given | more)


def problem(*states: CollectorState, sessions: int = 5, waited: timedelta = timedelta()) -> str | None:
    generation = Generation(number=1, created_at=NOW, bytes=1, row_counts={"marts.dim_sessions": sessions})
    with time_machine.travel(NOW, tick=False) as clock:
        watch = CollectorWatch(lambda: list(states), lambda: generation)
        clock.shift(waited)
        return watch.problem()


def test_a_collector_that_reads_is_no_problem() -> None:
    assert problem(state()) is None


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        (
            "/home/owner belongs to user 1001 alone, and this runs as user 1000; set TRANSCRIPTS_UID=1001",
            "set TRANSCRIPTS_UID=1001 in .env",
        ),
        (
            "Permission denied: it belongs to user 1001, and this runs as user 1000",
            "as user 1000; set TRANSCRIPTS_UID=1001 in .env",
        ),
        (
            "No such file or directory",
            "set TRANSCRIPTS_DIR in .env, or COLLECTOR=off if this host has no transcripts",
        ),
    ],
)
def test_a_folder_that_cannot_be_read_is_named_with_the_reason_and_the_remedy(reason: str, remedy: str) -> None:
    said = str(problem(state(problem=reason)))
    assert reason in said
    assert said.endswith(f"{remedy}, then run `docker compose up -d --wait`.")


def test_silence_is_a_problem_and_one_machine_that_is_off_is_none() -> None:
    off = state(host="old", seen_at=NOW - timedelta(days=3), problem="gone")
    assert problem(state(), off) is None
    assert (
        problem(off)
        == "No collector has sent a heartbeat since 2026-06-28 12:00 UTC; see `docker compose logs collector`."
    )


def test_no_collector_at_all_is_a_problem_after_a_while() -> None:
    assert problem() is None
    assert str(problem(waited=timedelta(minutes=11))).startswith("No collector has sent a heartbeat yet")


def test_up_to_date_with_no_session_is_a_problem() -> None:
    said = problem(state(files=0, last_line_at=None), sessions=0)
    assert said is not None
    assert said.startswith("The published figures contain no session. laptop found 0 transcripts in /home/owner")


def test_a_host_that_only_receives_is_quiet_once_it_has_received_something() -> None:
    off = state(files=0, last_line_at=None, is_off=True)
    assert problem(off) is None
    assert problem(off, sessions=0) == (
        "The published figures contain no session: COLLECTOR is off, and no other machine has sent a line yet."
    )
    assert "laptop found 0 transcripts" in str(problem(off, state(files=0), sessions=0))
    assert problem(state(files=0, is_off=True, seen_at=NOW - timedelta(minutes=11))) is not None, "it went silent"


def test_a_loader_that_is_away_keeps_what_was_known() -> None:
    answers: list[list[CollectorState] | Exception] = [[state()], PassingError("the loader is away")]

    def fetch() -> list[CollectorState]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with time_machine.travel(NOW, tick=False) as clock:
        watch = CollectorWatch(fetch, lambda: None)
        assert watch.states() == [state()]
        watch._until = 0.0
        assert watch.states() == [state()]
        assert watch.problem() is None
        clock.shift(timedelta(minutes=11))
        assert str(watch.problem()).startswith("The loader does not answer: see `docker compose logs loader`")
    assert answers == []


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "records.db")


def test_the_collector_tells_whether_its_folder_is_there(store: SqliteStore, tmp_path: Path) -> None:
    standing = Standing(store, tmp_path / "projects", "laptop")
    standing.beat()
    [missing] = collector_states(store.all_states())
    assert (missing.host, missing.files, missing.last_line_at) == ("laptop", 0, None)
    assert missing.problem
    (tmp_path / "projects").mkdir()
    standing.beat()
    [there] = collector_states(store.all_states())
    assert there.problem is None
    assert there.seen_at
    store.close()


def test_a_collector_that_is_off_says_so_whatever_its_folder_was(store: SqliteStore, tmp_path: Path) -> None:
    standing = Standing(store, tmp_path / "projects", "laptop")
    standing.beat()
    assert [(state.problem is None, state.is_off) for state in collector_states(store.all_states())] == [(False, False)]
    standing.rest()
    assert [(state.problem, state.is_off) for state in collector_states(store.all_states())] == [(None, True)]
    store.close()


def test_files_are_counted_for_the_machine_and_folder_they_were_read_in(store: SqliteStore, tmp_path: Path) -> None:
    read = FileState.new("laptop", tmp_path, "p/s.jsonl")
    read.lines = 2
    store.save_states([read, FileState.new("laptop", tmp_path / "elsewhere", "p/t.jsonl")])
    Standing(store, tmp_path, "laptop").beat()
    [found] = collector_states(store.all_states())
    assert found.files == 1
    assert found.last_line_at
    store.close()


def test_files_and_folders_that_cannot_be_read_are_counted_and_not_named(store: SqliteStore, tmp_path: Path) -> None:
    """The directory itself can be read: an owner's own files may be closed to us all the same."""
    closed = FileState.new("laptop", tmp_path, "-home-me-secret", DIRECTORY)
    closed.became(UNREADABLE, "Permission denied: it belongs to user 1001, and this runs as user 1000")
    gone = FileState.new("laptop", tmp_path, "p/s.jsonl")
    gone.became(MISSING, None)
    store.save_states([closed, gone])
    Standing(store, tmp_path, "laptop").beat()
    [found] = collector_states(store.all_states())
    assert found.problem == (
        "1 folders and 0 files in it cannot be read"
        " (Permission denied: it belongs to user 1001, and this runs as user 1000)"
    )
    store.close()


def test_transcripts_that_are_found_in_another_folder_belong_to_that_one(store: SqliteStore, tmp_path: Path) -> None:
    """An upgrade mounts them elsewhere: the status page went on to say that none was read."""
    for place in ("before", "after"):
        folder = tmp_path / place / "p"
        folder.mkdir(parents=True)
        (folder / "s.jsonl").write_text('{"type":"user","uuid":"1"}\n')
        Collector(store, tmp_path / place, "laptop").collect()
    Standing(store, tmp_path / "after", "laptop").beat()
    [found] = collector_states(store.all_states())
    assert (found.transcripts, found.files) == (str(tmp_path / "after"), 1)
    store.close()


def test_a_machine_that_gets_its_name_later_doubles_no_line(store: SqliteStore, tmp_path: Path) -> None:
    """What a line is called is made of its content, never of where it was read."""
    folder = tmp_path / "projects" / "p"
    folder.mkdir(parents=True)
    (folder / "s.jsonl").write_text('{"type":"user","uuid":"1","n":1}\n{"type":"summary","n":2}\n')
    first = Collector(store, tmp_path / "projects", "appliance").collect()
    again = Collector(store, tmp_path / "projects", "laptop").collect()
    assert (first.documents, again.documents, store.count()) == (2, 0, 2)
    store.close()
