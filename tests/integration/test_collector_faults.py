"""Files that grow, passes that are killed, servers that restart: the same is stored as if nothing had happened."""

import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from sample.transcripts import SampleStats
from tests.integration.collecting import LINE, ROOT, Mongo, collect, contents, has_documents, wait_until, write
from tests.integration.conftest import free_port, start_mongo

COLLECT = (
    "import sys, pymongo, collector, pathlib; from records.mongo_store import MongoStore; collector.collect("
    "MongoStore(pymongo.MongoClient(sys.argv[1])[sys.argv[2]]), pathlib.Path(sys.argv[3]), 'laptop')"
)


@pytest.fixture(scope="session")
def undisturbed(mongo_server: str, sample: tuple[Path, SampleStats]) -> dict[str, list[dict[str, Any]]]:
    """What one pass over the sample stores."""
    with MongoClient[dict[str, Any]](mongo_server, tz_aware=True) as client:
        collect(client.undisturbed, sample[0])
        return contents(client.undisturbed)


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
    wait_until(lambda: has_documents(mongo_database, killed_at) or process.poll() is not None)
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
        wait_until(lambda: has_documents(client.logs, 1000))
        server.kill()
        server.wait()
        server = start_mongo(tmp_path, port)
        assert process.wait(120) == 0
        assert client.logs.conversations.count_documents({}) == sample[1].lines - sample[1].malformed
        assert sum(state["duplicates"] for state in client.logs.transcript_files.find()) == 0
    server.terminate()
    server.wait(120)
