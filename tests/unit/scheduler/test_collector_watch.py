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
from records.file_state import FileState
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


def test_a_folder_that_cannot_be_read_is_named_with_the_reason() -> None:
    reason = "/home/owner belongs to user 1001 alone, and this runs as user 1000; set TRANSCRIPTS_UID=1001"
    assert str(problem(state(problem=reason))).endswith(reason)


def test_silence_is_a_problem_and_one_machine_that_is_off_is_none() -> None:
    off = state(host="old", seen_at=NOW - timedelta(days=3), problem="gone")
    assert problem(state(), off) is None
    assert (
        problem(off)
        == "No collector has been heard of since 2026-06-28 12:00 UTC; see `docker compose logs collector`."
    )


def test_no_collector_at_all_is_a_problem_after_a_while() -> None:
    assert problem() is None
    assert str(problem(waited=timedelta(minutes=11))).startswith("No collector has been heard of yet")


def test_up_to_date_with_no_session_is_a_problem() -> None:
    said = problem(state(files=0, last_line_at=None), sessions=0)
    assert said is not None
    assert said.startswith("The published figures hold no session. laptop found 0 transcripts in /home/owner")


def test_a_loader_that_is_away_keeps_what_was_known() -> None:
    answers: list[list[CollectorState] | Exception] = [[state()], PassingError("the loader is away")]

    def fetch() -> list[CollectorState]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watch = CollectorWatch(fetch, lambda: None)
    assert watch.states() == [state()]
    watch._until = 0.0
    assert watch.states() == [state()]
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


def test_files_are_counted_for_the_machine_and_folder_they_were_read_in(store: SqliteStore, tmp_path: Path) -> None:
    read = FileState.new("laptop", tmp_path, "p/s.jsonl")
    read.lines = 2
    store.save_states([read, FileState.new("laptop", tmp_path / "elsewhere", "p/t.jsonl")])
    Standing(store, tmp_path, "laptop").beat()
    [found] = collector_states(store.all_states())
    assert found.files == 1
    assert found.last_line_at
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
