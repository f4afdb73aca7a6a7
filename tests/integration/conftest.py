"""A MongoDB server for the tests of several rooms, and an empty database on it for each test."""

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from bench.mongo_server import await_answer, free_port, start_server
from records import RecordStore
from records.mongo_store import MongoStore
from records.sqlite_store import SqliteStore
from sample.transcripts import SampleStats, write_sample
from tests.integration.collecting import LINE, write

__all__ = ["await_answer", "free_port", "start_mongo"]


def start_mongo(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """A server without credentials that keeps its data in this folder and answers on this port."""
    return start_server(folder, port, "--sync-on-commit", "--cache-size", "256M")


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a server that lives as long as the tests."""
    port = free_port()
    process = start_mongo(tmp_path_factory.mktemp("mongo"), port)
    yield f"mongodb://127.0.0.1:{port}"
    process.terminate()
    process.wait(120)


@pytest.fixture
def mongo_database(mongo_server: str) -> Iterator[Database[dict[str, Any]]]:
    """A new, empty database. It goes with the server: dropping takes longer than filling."""
    with MongoClient[dict[str, Any]](mongo_server, tz_aware=True, serverSelectionTimeoutMS=20_000) as client:
        yield client[f"test_{uuid.uuid4().hex[:12]}"]


@pytest.fixture(params=["sqlite", "mongo"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RecordStore]:
    """An empty record store of each kind."""
    if request.param == "sqlite":
        with closing(SqliteStore(tmp_path / "records" / "records.db")) as opened:
            yield opened
    else:
        yield MongoStore(request.getfixturevalue("mongo_database"))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SampleStats]:
    """Two weeks of generated transcripts; not to be changed."""
    folder = tmp_path_factory.mktemp("sample") / "projects"
    return folder, write_sample(folder, days=14, until=date(2026, 6, 30))


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    """A transcripts directory with one file of three lines."""
    folder = tmp_path / "projects"
    write(folder / "p/s.jsonl", LINE % 1 + LINE % 2 + LINE % 3)
    return folder
