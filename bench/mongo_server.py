"""A temporary MongoDB: the server at MONGO_URI, or `secantusdb`, which speaks its protocol, on loopback."""

import contextlib
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from bench.errors import BenchError, tail
from bench.processes import stop
from common.mongo import mongo_client

PROGRAM = Path(sys.prefix, "bin", "secantusd-py")
_START_SECONDS = 120.0


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_server(folder: Path, port: int, *options: str) -> "subprocess.Popen[bytes]":
    """Start a server without credentials that keeps its data in this folder and answers on this port.

    Raises BenchError where it does not answer within two minutes.
    """
    where = ["--host", "127.0.0.1", "--port", str(port), "--storage-path", str(folder / "data")]
    command = [str(PROGRAM), *where, *options]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        await_answer(process, port, folder / "log")
    except BaseException:
        stop(process)
        raise
    return process


def await_answer(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Wait until the server answers. Raises BenchError with the end of its log where it ends or takes too long."""
    deadline = time.monotonic() + _START_SECONDS
    with MongoClient[dict[str, Any]](f"mongodb://127.0.0.1:{port}", serverSelectionTimeoutMS=500) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                client.admin.command("ping")
            except PyMongoError:
                continue  # waits for half a second itself
            return
    found = tail(log.read_text(encoding="utf-8", errors="replace"))
    raise BenchError(f"secantusd-py: expected an answer on port {port}, found none: {found}")


@dataclass(frozen=True)
class Server:
    """A server that answers, and the database on it that is ours."""

    uri: str
    database: str
    name: str

    @property
    def settings(self) -> dict[str, str]:
        """The settings that lead a run there."""
        return {"MONGO_URI": self.uri, "MONGO_DATABASE": self.database}

    def stored_bytes(self) -> int:
        """Return what the database takes on the server's disk, indexes included, as the server says."""
        try:
            with mongo_client(self.uri, "claude-analytics-bench") as client:
                answer = client[self.database].command("dbStats")
        except PyMongoError as error:
            raise BenchError(f"MongoDB: expected an answer to dbStats, found: {type(error).__name__}") from None
        return int(answer["storageSize"]) + int(answer.get("indexSize", 0))


@contextlib.contextmanager
def mongo_server(folder: Path, uri: str | None) -> Iterator[Server]:
    """Yield a server and the name of a new database, dropped at the end. Raises BenchError if there is no server."""
    database = f"claude_analytics_bench_{secrets.token_hex(4)}"
    if uri is not None:
        try:
            yield Server(uri, database, "MONGO_URI")
        finally:
            with contextlib.suppress(PyMongoError), mongo_client(uri, "claude-analytics-bench") as client:
                client.drop_database(database)
        return
    if not PROGRAM.exists():
        raise BenchError("MONGO_URI is not set, and secantusdb is not installed (./analytics bench installs it)")
    folder.mkdir(parents=True)
    port = free_port()
    process = start_server(folder, port, "--cache-size", "1G")
    try:
        yield Server(f"mongodb://127.0.0.1:{port}", database, "secantusdb")
    finally:
        stop(process)
