"""Transcripts reach a real MongoDB server: every line once, whole, whatever happens on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stamina
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.database import Database

import collector
from collector import CollectorError, CollectProgress, CollectResult
from standalone.sample import SampleStats, write_sample
from tests.integration.conftest import free_port, start_mongo

Mongo = Database[dict[str, Any]]
ROOT = Path(__file__).resolve().parents[2]
LINE = b'{"type":"user","uuid":"%d","sessionId":"s","message":{"role":"user","content":"hello"}}\n'


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SampleStats]:
    """Two weeks of generated transcripts; not to be changed."""
    folder = tmp_path_factory.mktemp("sample") / "projects"
    return folder, write_sample(folder, days=14, until=date(2026, 6, 30))


@pytest.fixture(scope="session")
def undisturbed(mongo_server: str, sample: tuple[Path, SampleStats]) -> dict[str, list[dict[str, Any]]]:
    """What one pass over the sample stores."""
    with MongoClient[dict[str, Any]](mongo_server, tz_aware=True) as client:
        collect(client.undisturbed, sample[0])
        return contents(client.undisturbed)


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    """A transcripts directory with one file of three lines."""
    folder = tmp_path / "projects"
    write(folder / "p/s.jsonl", LINE % 1 + LINE % 2 + LINE % 3)
    return folder


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def collect(database: Mongo, projects: Path) -> CollectResult:
    return collector.collect(database, projects, "laptop")


def contents(database: Mongo) -> dict[str, list[dict[str, Any]]]:
    """All that is stored, but for the moments at which it was."""
    volatile = {"ingestedAt": 0, "collectedAt": 0, "modifiedAt": 0, "mtimeNs": 0, "inode": 0, "transcriptsDir": 0}
    names = ("conversations", "conversation_parts", "dead_letters", "transcript_files")
    return {name: list(database[name].find({}, volatile).sort("_id")) for name in names}


def state(database: Mongo, source_file: str = "p/s.jsonl") -> dict[str, Any]:
    found = database.transcript_files.find_one({"_id": f"laptop:{source_file}"})
    assert found is not None
    return found


def whole(database: Mongo, document_id: str) -> bytes:
    """The bytes of a line that lies in parts."""
    parts = database.conversation_parts.find({"conversationId": document_id}).sort("part")
    return b"".join(part["data"] for part in parts)


def has_documents(database: Mongo, count: int) -> bool:
    return database.conversations.estimated_document_count() >= count


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


# --- one pass -------------------------------------------------------------------------------------------------------


def test_a_pass_stores_every_line_whole(mongo_database: Mongo, sample: tuple[Path, SampleStats]) -> None:
    folder, stats = sample
    result = collect(mongo_database, folder)
    assert (result.files, result.lines, result.dead_letters) == (stats.files, stats.lines, stats.malformed)
    assert (result.documents, result.duplicates, result.known) == (stats.lines - stats.malformed, 0, 0)
    assert result.files_unfinished == stats.half_written
    ours = {"_id", "ingestedAt", "host", "projectId", "sourceFile"}
    stored = sorted(
        json.dumps({key: value for key, value in each.items() if key not in ours}, sort_keys=True)
        for each in mongo_database.conversations.find()
    )
    assert stored == sorted(json.dumps(value, sort_keys=True) for value in objects(folder))


def objects(folder: Path) -> Iterator[dict[str, Any]]:
    for path in folder.rglob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value


def test_a_document_says_where_and_when_it_was_collected(mongo_database: Mongo, projects: Path) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    collect(mongo_database, projects)
    found = mongo_database.conversations.find_one({"uuid": "1"})
    assert found is not None
    assert (found["host"], found["projectId"], found["sourceFile"]) == ("laptop", "p", "p/s.jsonl")
    assert before < found["ingestedAt"] < datetime.now(UTC) + timedelta(seconds=1)
    assert "ingestedAt_1" in mongo_database.conversations.index_information()


def test_a_second_pass_opens_no_file_and_adds_nothing(mongo_database: Mongo, sample: tuple[Path, SampleStats]) -> None:
    collect(mongo_database, sample[0])
    before = contents(mongo_database)
    result = collect(mongo_database, sample[0])
    assert (result.files, result.files_read, result.lines, result.bytes_read) == (sample[1].files, 0, 0, 0)
    assert result.files_unfinished == 1
    assert contents(mongo_database) == before


def test_appended_lines_are_added_and_no_others(mongo_database: Mongo, projects: Path) -> None:
    collect(mongo_database, projects)
    append(projects / "p/s.jsonl", LINE % 4 + LINE % 5)
    result = collect(mongo_database, projects)
    assert (result.files_read, result.lines, result.documents, result.resets) == (1, 2, 2, 0)
    assert state(mongo_database)["lines"] == mongo_database.conversations.count_documents({}) == 5


def test_progress_ends_where_it_said_it_would(mongo_database: Mongo, sample: tuple[Path, SampleStats]) -> None:
    said: list[CollectProgress] = []
    collector.collect(mongo_database, sample[0], "laptop", said.append)
    assert said[-1].files_done == said[-1].files_total == sample[1].files
    assert said[-1].lines == sample[1].lines
    assert said[-1].bytes_total - said[-1].bytes_done < 200  # the half-written line
    assert [each.bytes_done for each in said] == sorted(each.bytes_done for each in said)


def test_a_moved_file_adds_nothing(mongo_database: Mongo, projects: Path) -> None:
    append(projects / "p/s.jsonl", b'{"type":"mode"}\n{"type":"mode"}\n{"type":"summary"}\nbroken\n')
    collect(mongo_database, projects)
    before = contents(mongo_database)
    (projects / "worktree").mkdir()
    (projects / "p/s.jsonl").rename(projects / "worktree/s.jsonl")
    result = collect(mongo_database, projects)
    assert (result.documents, result.duplicates, result.dead_letters) == (0, 6, 1)
    after = contents(mongo_database)
    assert (after["conversations"], after["dead_letters"]) == (before["conversations"], before["dead_letters"])
    assert state(mongo_database)["status"] == "missing"
    assert state(mongo_database, "worktree/s.jsonl")["duplicates"] == 6


def test_lines_are_documents_dead_letters_and_duplicates(mongo_database: Mongo, projects: Path) -> None:
    """Over all files, whatever has been copied, repeated, moved and replaced."""
    source = projects / "p/s.jsonl"
    append(source, LINE % 3 + b'{"type":"mode"}\n' * 3 + b"broken\n\n")
    shutil.copy(source, projects / "p/copy.jsonl")
    collect(mongo_database, projects)
    source.write_bytes(LINE % 2 + LINE % 9 + LINE % 1)
    append(projects / "p/copy.jsonl", LINE % 9 + LINE % 10)
    collect(mongo_database, projects)
    states = list(mongo_database.transcript_files.find())
    lines, dead, duplicates = (sum(each[name] for each in states) for name in ("lines", "deadLetters", "duplicates"))
    assert lines == 8 + 8 + 3 + 2
    assert lines - dead - duplicates == mongo_database.conversations.count_documents({})


# --- broken, changed and unreadable files ---------------------------------------------------------------------------


def test_a_line_that_is_no_object_is_set_aside_with_its_place_and_reason(mongo_database: Mongo, projects: Path) -> None:
    append(projects / "p/s.jsonl", b"// note\n" + LINE % 4 + b'"text"\n')
    collect(mongo_database, projects)
    first, second = mongo_database.dead_letters.find().sort("byteOffset")
    assert (first["line"], first["byteOffset"], first["sourceFile"]) == ("// note", len(LINE % 1) * 3, "p/s.jsonl")
    assert "not JSON" in first["reason"]
    assert second["reason"] == "expected a JSON object, found a string"
    assert mongo_database.conversations.count_documents({}) == 4


@pytest.mark.parametrize("content", [LINE % 1, LINE % 7, b"", LINE % 1 + LINE % 2 + LINE % 8 + LINE % 9])
def test_a_truncated_or_replaced_file_is_read_from_its_start(
    mongo_database: Mongo, projects: Path, content: bytes
) -> None:
    collect(mongo_database, projects)
    write(projects / "p/s.jsonl", content)
    result = collect(mongo_database, projects)
    assert result.resets == state(mongo_database)["resets"] == 1
    append(projects / "p/s.jsonl", LINE % 20)
    assert collect(mongo_database, projects).resets == 0
    found = {each["uuid"] for each in mongo_database.conversations.find()}
    assert found == {"1", "2", "3", "20"} | {json.loads(line)["uuid"] for line in content.splitlines()}


def test_a_line_of_50_mb_is_kept_in_parts(mongo_database: Mongo, projects: Path) -> None:
    raw = json.dumps({"uuid": "big", "sessionId": "s", "type": "user", "text": "é" * 25_000_000}, ensure_ascii=False)
    append(projects / "p/s.jsonl", raw.encode() + b"\n" + LINE % 4)
    result = collect(mongo_database, projects)
    assert (result.documents, result.oversized) == (5, 1)
    found = mongo_database.conversations.find_one({"uuid": "big"})
    assert found is not None
    assert (found["oversized"]["bytes"], found["oversized"]["parts"]) == (len(raw.encode()), 6)
    assert whole(mongo_database, found["_id"]) == raw.encode()


def test_what_bson_cannot_hold_comes_back_byte_for_byte(mongo_database: Mongo, projects: Path) -> None:
    odd = [
        b'{"n":123456789012345678901}',
        b'{"n":NaN}',
        b'{"s":"\\ud800"}',
        b'{"s":"caf\xe9"}',
        b'{"_id":1}',
        b'{"host":2}',
    ]
    write(projects / "p/odd.jsonl", b"\n".join(odd))
    assert collect(mongo_database, projects).oversized == len(odd)
    found = mongo_database.conversations.find({"oversized": {"$exists": True}})
    assert sorted(whole(mongo_database, each["_id"]) for each in found) == sorted(odd)


def test_a_dead_letter_that_does_not_show_all_lies_in_parts_too(mongo_database: Mongo, projects: Path) -> None:
    raw = b"caf\xe9" + b"x" * 2_000_000
    write(projects / "p/broken.jsonl", raw + b"\n")
    collect(mongo_database, projects)
    (found,) = mongo_database.dead_letters.find()
    assert (found["lineBytes"], len(found["line"])) == (len(raw), 1024 * 1024)
    assert whole(mongo_database, found["_id"]) == raw


def test_what_the_server_refuses_is_kept_in_parts(mongo_database: Mongo, projects: Path) -> None:
    validator = {"$jsonSchema": {"properties": {"poison": {"bsonType": "string"}}}}
    mongo_database.create_collection("conversations", validator=validator)
    raw = b'{"uuid":"x","poison":{"a":1}}'
    append(projects / "p/s.jsonl", raw + b"\n" + LINE % 4)
    result = collect(mongo_database, projects)
    assert (result.documents, result.oversized) == (5, 1)
    found = mongo_database.conversations.find_one({"uuid": "x"})
    assert found is not None
    assert "refused by the server" in found["oversized"]["reason"]
    assert whole(mongo_database, found["_id"]) == raw


def test_a_file_that_cannot_be_read_is_recorded_and_stops_nothing(mongo_database: Mongo, projects: Path) -> None:
    (projects / "p/loop.jsonl").symlink_to("loop.jsonl")
    os.mkfifo(projects / "p/pipe.jsonl")
    result = collect(mongo_database, projects)
    assert (result.files_unreadable, result.documents) == (2, 3)
    loop, pipe = state(mongo_database, "p/loop.jsonl"), state(mongo_database, "p/pipe.jsonl")
    assert (loop["status"], loop["error"]) == ("unreadable", "Too many levels of symbolic links")
    assert (pipe["status"], pipe["error"]) == ("unreadable", "not a regular file")
    (projects / "p/loop.jsonl").unlink()
    write(projects / "p/loop.jsonl", LINE % 4)
    assert collect(mongo_database, projects).documents == 1
    assert (state(mongo_database, "p/loop.jsonl")["status"], state(mongo_database, "p/loop.jsonl")["error"]) == (
        "ok",
        None,
    )


def test_a_deleted_file_keeps_its_documents_and_is_known_again_when_it_returns(
    mongo_database: Mongo, projects: Path
) -> None:
    source = projects / "p/s.jsonl"
    content = source.read_bytes()
    collect(mongo_database, projects)
    source.unlink()
    assert collect(mongo_database, projects).files == 0
    assert (state(mongo_database)["status"], state(mongo_database)["lines"]) == ("missing", 3)
    write(source, content + LINE % 4)
    result = collect(mongo_database, projects)
    assert (result.lines, result.resets, state(mongo_database)["status"]) == (1, 0, "ok")
    assert mongo_database.conversations.count_documents({}) == 4


def test_another_directory_on_the_same_host_makes_no_file_missing(
    mongo_database: Mongo, projects: Path, tmp_path: Path
) -> None:
    collect(mongo_database, projects)
    write(tmp_path / "others/q/t.jsonl", LINE % 9)
    collect(mongo_database, tmp_path / "others")
    assert state(mongo_database)["status"] == "ok"


def test_a_missing_directory_is_one_clear_line(mongo_database: Mongo, tmp_path: Path) -> None:
    with pytest.raises(
        CollectorError, match=r"^transcripts directory .* found: No such file or directory; set TRANSCRIPTS_DIR"
    ):
        collect(mongo_database, tmp_path / "no")


def test_a_server_that_does_not_answer_is_one_clear_line(projects: Path) -> None:
    uri = f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=100"
    with (
        stamina.set_testing(True, attempts=2),
        MongoClient[dict[str, Any]](uri) as client,
        pytest.raises(CollectorError, match=r"^MongoDB: expected .*; check MONGO_URI$") as raised,
    ):
        collect(client.logs, projects)
    assert "\n" not in str(raised.value)


# --- appending, killing, meeting ------------------------------------------------------------------------------------

CONTENT = (
    LINE % 1 + b'{"type":"mode"}\n{"type":"mode"}\r\n\nbroken\n' + LINE % 2 + b'{"a":1} {"b":2}\n' + LINE % 1
    + b'\xef\xbb\xbf{"c":"\xc3\xa9"}\n{"d":"\xe9"}\n{"type":"mode"}\0\0\n{"e":{"f":1}\n' + LINE % 3
)  # fmt: skip


@given(st.lists(st.integers(0, len(CONTENT)), max_size=5))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_that_grows_gives_what_the_grown_file_gives(mongo_server: str, tmp_path: Path, cuts: list[int]) -> None:
    with MongoClient[dict[str, Any]](mongo_server, tz_aware=True) as client:
        stored = []
        for name, ends in ((f"growing_{uuid.uuid4().hex}", sorted(cuts)), (f"grown_{uuid.uuid4().hex}", [])):
            shutil.rmtree(tmp_path / "projects", ignore_errors=True)
            for end in [*ends, len(CONTENT)]:
                write(tmp_path / "projects/p/s.jsonl", CONTENT[:end])
                collect(client[name], tmp_path / "projects")
            stored.append(contents(client[name]))
    assert stored[0] == stored[1]


COLLECT = "import sys, pymongo, collector, pathlib; collector.collect(" \
          "pymongo.MongoClient(sys.argv[1])[sys.argv[2]], pathlib.Path(sys.argv[3]), 'laptop')"  # fmt: skip


@pytest.mark.parametrize("killed_at", [1, 1500])
def test_a_pass_killed_on_its_way_and_repeated_equals_an_undisturbed_one(
    mongo_server: str,
    mongo_database: Mongo,
    sample: tuple[Path, SampleStats],
    undisturbed: dict[str, list[dict[str, Any]]],
    killed_at: int,
) -> None:
    command = [sys.executable, "-c", COLLECT, mongo_server, mongo_database.name, str(sample[0])]
    process = subprocess.Popen(command, cwd=ROOT)
    wait_until(lambda: has_documents(mongo_database, killed_at) or process.poll() is not None, 60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    result = collect(mongo_database, sample[0])
    assert result.documents + result.known + result.dead_letters == result.lines
    assert contents(mongo_database) == undisturbed


def test_lines_whose_state_was_lost_are_known_again(mongo_database: Mongo, projects: Path) -> None:
    """As after a kill between the documents and the state that counts them."""
    collect(mongo_database, projects)
    before = contents(mongo_database)
    mongo_database.drop_collection("transcript_files")
    result = collect(mongo_database, projects)
    assert (result.lines, result.known, result.documents, result.duplicates) == (3, 3, 0, 0)
    assert contents(mongo_database) == before


def test_two_collectors_at_once_store_every_line_once(
    mongo_server: str, mongo_database: Mongo, sample: tuple[Path, SampleStats]
) -> None:
    command = [sys.executable, "-c", COLLECT, mongo_server, mongo_database.name, str(sample[0])]
    other = subprocess.Popen(command, cwd=ROOT)
    collect(mongo_database, sample[0])
    assert other.wait(120) == 0
    assert mongo_database.conversations.count_documents({}) == sample[1].lines - sample[1].malformed


def test_a_server_that_restarts_meanwhile_loses_and_doubles_nothing(
    tmp_path: Path, sample: tuple[Path, SampleStats]
) -> None:
    port = free_port()
    server = start_mongo(tmp_path, port)
    uri = f"mongodb://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-c", COLLECT, uri, "logs", str(sample[0])], cwd=ROOT)
    with MongoClient[dict[str, Any]](uri) as client:
        wait_until(lambda: has_documents(client.logs, 1000), 60)
        server.kill()
        server.wait()
        server = start_mongo(tmp_path, port)
        assert process.wait(120) == 0
        assert client.logs.conversations.count_documents({}) == sample[1].lines - sample[1].malformed
        assert sum(each["duplicates"] for each in client.logs.transcript_files.find()) == 0
    server.terminate()
    server.wait(30)


# --- the corpus -----------------------------------------------------------------------------------------------------


@pytest.mark.corpus
def test_the_corpus_is_stored_to_the_line(mongo_database: Mongo, corpus: Path, expected: dict[str, Any]) -> None:
    result = collect(mongo_database, corpus / "projects")
    assert (result.lines, result.dead_letters) == (expected["lines"], expected["malformed"])
    assert mongo_database.conversations.count_documents({}) == expected["lines"] - expected["malformed"]
    assert mongo_database.dead_letters.count_documents({}) == expected["malformed"]
    sessions = mongo_database.conversations.distinct("sessionId")
    assert len([each for each in sessions if each]) == expected["sessions"]
