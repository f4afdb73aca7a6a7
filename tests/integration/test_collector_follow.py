"""Following: new lines arrive by themselves, failures are tried again, and the end is clean."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import stamina
from pymongo import MongoClient
from structlog.testing import capture_logs
from watchfiles._rust_notify import WatchfilesRustInternalError

import collector
from collector import CollectResult
from common.errors import AnalyticsError
from common.transcript_files import TranscriptsError
from loader.collectors import collector_states
from records.mongo_store import MongoStore
from tests.integration.collecting import LINE, ROOT, Mongo, append, state, wait_until, write
from tests.integration.conftest import free_port, start_mongo


@contextmanager
def following(database: Mongo, projects: Path, full_pass_seconds: float = 3600.0) -> Iterator[list[CollectResult]]:
    """The results of a collector that follows in its own thread, after its first pass."""
    stop = threading.Event()
    results: list[CollectResult] = []
    failed: list[AnalyticsError] = []

    def run() -> None:
        try:
            store = MongoStore(database, attempts=3)
            followed = collector.Collector(store, projects, "laptop", remember=collector.REMEMBERED_LINES)
            collector.follow(followed, stop, results.append, full_pass_seconds=full_pass_seconds)
        except AnalyticsError as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_until(lambda: bool(results))
        yield results
    finally:
        stop.set()
        thread.join(120)
    assert not thread.is_alive()
    assert failed == []


def documents(database: Mongo) -> int:
    return database.conversations.count_documents({})


def test_a_new_line_a_new_file_and_a_new_folder_are_noticed(mongo_database: Mongo, projects: Path) -> None:
    """Without a pass over everything: none is due within the hour."""
    with following(mongo_database, projects) as results:
        append(projects / "p/s.jsonl", LINE % 4)
        wait_until(lambda: documents(mongo_database) == 4)
        write(projects / "p/t.jsonl", LINE % 5)
        wait_until(lambda: documents(mongo_database) == 5)
        write(projects / "q/s/subagents/agent-1.jsonl", LINE % 6)
        wait_until(lambda: documents(mongo_database) == 6)
    assert sum(result.lines for result in results) == 6


def test_a_half_written_line_is_stored_when_it_is_complete(mongo_database: Mongo, projects: Path) -> None:
    line = LINE % 4
    with following(mongo_database, projects) as results:
        append(projects / "p/s.jsonl", line[:30])
        wait_until(lambda: results[-1].files_unfinished == 1)
        assert documents(mongo_database) == 3
        append(projects / "p/s.jsonl", line[30:])
        wait_until(lambda: documents(mongo_database) == 4)
    assert mongo_database.dead_letters.count_documents({}) == 0


def test_a_followed_file_that_is_replaced_is_read_again(mongo_database: Mongo, projects: Path) -> None:
    with following(mongo_database, projects) as results:
        append(projects / "p/s.jsonl", LINE % 4)
        wait_until(lambda: documents(mongo_database) == 4)
        write(projects / "new", LINE % 8 + LINE % 9)
        (projects / "new").replace(projects / "p/s.jsonl")
        wait_until(lambda: documents(mongo_database) == 6)
    assert sum(result.resets for result in results) == 1


def test_a_deleted_file_is_noticed_too(mongo_database: Mongo, projects: Path) -> None:
    with following(mongo_database, projects):
        (projects / "p/s.jsonl").unlink()
        wait_until(lambda: state(mongo_database)["status"] == "missing")


def test_a_database_that_was_dropped_is_filled_again_by_the_next_full_pass(
    mongo_database: Mongo, projects: Path
) -> None:
    with following(mongo_database, projects, full_pass_seconds=0.5):
        for name in ("conversations", "transcript_files"):
            mongo_database.drop_collection(name)
        wait_until(lambda: documents(mongo_database) == 3 and has_states(mongo_database))


def has_states(database: Mongo) -> bool:
    return bool(database.transcript_files.count_documents({}))


def test_where_the_system_gives_no_notifications_passes_go_on(
    mongo_database: Mongo, projects: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user has some 128 inotify instances, which editors and containers share."""
    module = sys.modules["collector.follow"]
    watch, used_up = module.watch, threading.Event()

    def watch_unless_used_up(*arguments: Any, **options: Any) -> Any:
        if used_up.is_set():
            raise WatchfilesRustInternalError("Too many open files (os error 24)")
        return watch(*arguments, **options)

    used_up.set()
    monkeypatch.setattr(module, "watch", watch_unless_used_up)
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.1)
    with capture_logs() as logs, following(mongo_database, projects, full_pass_seconds=0.5):
        append(projects / "p/s.jsonl", LINE % 4)
        wait_until(lambda: documents(mongo_database) == 4)
        used_up.clear()
        append(projects / "p/s.jsonl", LINE % 5)
        wait_until(lambda: documents(mongo_database) == 5)
    assert [entry["event"] for entry in logs] == ["no_notifications"]


def test_a_transcripts_directory_that_vanishes_is_followed_again_when_it_returns(
    mongo_database: Mongo, projects: Path
) -> None:
    with capture_logs() as logs, following(mongo_database, projects, full_pass_seconds=0.5):
        projects.rename(projects.with_name("away"))
        wait_until(lambda: any(entry["event"] == "no_transcripts" for entry in logs))
        projects.with_name("away").rename(projects)
        append(projects / "p/s.jsonl", LINE % 4)
        wait_until(lambda: documents(mongo_database) == 4)


def test_a_transcripts_directory_that_is_not_there_yet_is_waited_for(mongo_database: Mongo, tmp_path: Path) -> None:
    """A host on which Claude Code was never used, or one that only receives: up and well, and said once."""
    projects = tmp_path / "home/.claude/projects"
    with capture_logs() as logs, following(mongo_database, projects) as results:
        assert results[0] == CollectResult()
        assert not projects.exists()
        write(projects / "p/s.jsonl", LINE % 1)
        wait_until(lambda: documents(mongo_database) == 1)
    said = [entry["reason"] for entry in logs if entry["event"] == "no_transcripts"]
    assert said == ["No such file or directory"]


def test_lines_written_while_the_server_was_away_are_stored_once(tmp_path: Path, projects: Path) -> None:
    port = free_port()
    server = start_mongo(tmp_path, port)
    uri = f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=300"
    with (
        MongoClient[dict[str, Any]](uri, tz_aware=True) as client,
        stamina.set_testing(True, attempts=1),
        capture_logs() as logs,
        following(client.logs, projects),
    ):
        server.kill()
        server.wait()
        append(projects / "p/s.jsonl", LINE % 4 + b"broken\n" + LINE % 1)
        wait_until(lambda: any(entry["event"] == "pass_failed" for entry in logs))
        server = start_mongo(tmp_path, port)
        wait_until(lambda: documents(client.logs) == 4 and state(client.logs)["lines"] == 6)
        assert (state(client.logs)["deadLetters"], state(client.logs)["duplicates"]) == (1, 1)
    server.terminate()
    server.wait(120)


def test_what_is_no_directory_is_an_error_at_first(mongo_database: Mongo, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("/nowhere/claude")
    link = f"{tmp_path}/link is a link to /nowhere/claude, which does not exist"
    for name, found in (("file", "Not a directory"), ("link/projects", link)):
        followed = collector.Collector(MongoStore(mongo_database), tmp_path / name, "laptop")
        with pytest.raises(TranscriptsError, match=f"^transcripts directory .*, found: {found}.*set TRANSCRIPTS_DIR"):
            collector.follow(followed, threading.Event(), lambda _: None)


def appliance(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The collector as the appliance starts it."""
    command = [sys.executable, "-m", "collector", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=pipe, stderr=pipe, text=True)


def is_healthy(environment: dict[str, str]) -> bool:
    process = appliance("healthy", **environment)
    process.communicate(timeout=120)
    return process.returncode == 0


def test_the_appliance_s_collector_says_that_it_is_healthy_and_ends_on_sigterm(
    mongo_server: str, mongo_database: Mongo, projects: Path, tmp_path: Path
) -> None:
    environment = {
        "MONGO_URI": mongo_server, "MONGO_DATABASE": mongo_database.name, "TRANSCRIPTS_DIR": str(projects),
        "HOST_NAME": "laptop", "LOG_FORMAT": "json", "TMPDIR": str(tmp_path),
    }  # fmt: skip
    assert not is_healthy(environment)
    process = appliance(**environment)
    wait_until(lambda: bool(list(tmp_path.glob("*.heartbeat"))))
    assert is_healthy(environment)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert '"event": "stopped"' in errors.splitlines()[-1]
    assert documents(mongo_database) == 3
    os.utime(next(tmp_path.glob("*.heartbeat")), (0, 0))
    assert not is_healthy(environment)


def test_a_collector_that_is_started_again_and_again_has_told_the_status_page_why_each_time(
    mongo_server: str, mongo_database: Mongo, tmp_path: Path
) -> None:
    (tmp_path / "projects").write_text("no folder")
    environment = {"MONGO_URI": mongo_server, "MONGO_DATABASE": mongo_database.name, "HOST_NAME": "laptop"}
    told = []
    for _ in range(2):
        process = appliance(TRANSCRIPTS_DIR=str(tmp_path / "projects"), TMPDIR=str(tmp_path), **environment)
        process.communicate(timeout=120)
        assert process.returncode == 2
        [standing] = collector_states(MongoStore(mongo_database).all_states())
        assert (standing.host, standing.problem) == ("laptop", "Not a directory")
        told.append(standing.seen_at)
    assert None not in told
    assert told[0] != told[1]


def test_a_collector_that_is_off_reads_nothing_is_healthy_and_says_so(
    mongo_server: str, mongo_database: Mongo, projects: Path, tmp_path: Path
) -> None:
    environment = {
        "MONGO_URI": mongo_server, "MONGO_DATABASE": mongo_database.name, "TRANSCRIPTS_DIR": str(projects),
        "HOST_NAME": "server", "COLLECTOR": "off", "TMPDIR": str(tmp_path),
    }  # fmt: skip
    process = appliance(**environment)
    wait_until(lambda: bool(list(tmp_path.glob("*.heartbeat"))))
    assert is_healthy(environment)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 0
    [standing] = collector_states(MongoStore(mongo_database).all_states())
    assert (standing.host, standing.is_off, standing.problem) == ("server", True, None)
    assert documents(mongo_database) == 0


@pytest.mark.parametrize(
    ("arguments", "uri", "code", "said"),
    [
        ((), "", 2, "collector: MONGO_URI: expected the address"),
        ((), "mongodb://robin:se/cret@host", 2, "collector: MONGO_URI: expected mongodb://USER:PASSWORD@HOST:PORT/"),
        (("nonsense",), "", 2, "expected nothing or 'healthy'"),
    ],
)
def test_a_wrong_start_is_one_line(arguments: tuple[str, ...], uri: str, code: int, said: str) -> None:
    """Without the address: a password that was not encoded is mistaken for a port, and would be shown."""
    process = appliance(*arguments, MONGO_URI=uri)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code
    assert said in errors
    assert len(errors.splitlines()) == 1
    assert "'se'" not in errors
