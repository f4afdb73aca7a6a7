"""The MongoDB server of the standalone mode: `secantusd-py` on a free loopback port, with credentials of its own.

One process owns the server and stops it; others that come meanwhile join it. A server left behind by an owner that
was killed is ended by the next owner, known by its process id and the folder on its command line.
"""

import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import structlog
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

T = TypeVar("T")
log = structlog.get_logger()

START_SECONDS = 60.0
STOP_SECONDS = 10.0
PORTS_TO_TRY = 5
USER = "claude_analytics"


class MongoServerError(Exception):
    """The server did not come up; the message says why, in one line, and where its log lies."""


@contextmanager
def local_mongo(folder: Path) -> Iterator[str]:
    """The URI of the server that keeps its data in the folder; started here unless another process owns it already.

    Raises MongoServerError when it does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        owner = stack.enter_context((folder / "owner.lock").open("a"))
        if not _try_lock(owner.fileno()):
            yield _join(folder)
            return
        _end_leftover(folder)
        credentials = _credentials(folder)
        if not credentials["provisioned"]:
            _provision(folder, credentials)
        process, port = _start(folder, ["--auth"], credentials)
        stack.callback(_stop, folder, process)
        _write_private(folder / "server.json", {"pid": process.pid, "port": port})
        yield _uri(port, credentials)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _join(folder: Path) -> str:
    """Wait for the owner's server; the credentials and the port are in the folder."""

    def uri_that_answers() -> str | None:
        server, credentials = _read(folder / "server.json"), _read(folder / "credentials.json")
        uri = _uri(server["port"], credentials) if server and "port" in server and credentials else None
        return uri if uri and _answers(uri) else None

    if uri := _wait_for(uri_that_answers, START_SECONDS):
        return uri
    raise MongoServerError(
        f"another process keeps {folder} but its server does not answer; end that process, then try again"
    )


def _wait_for(look: Callable[[], T], seconds: float) -> T:
    """What `look` finds, looked for again while it finds nothing: a process says by no event that it is ready."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _credentials(folder: Path) -> dict[str, Any]:
    path = folder / "credentials.json"
    known = _read(path)
    if known is None:
        known = {"user": USER, "password": secrets.token_urlsafe(32), "provisioned": False}
        _write_private(path, known)
    return known


def _provision(folder: Path, credentials: dict[str, Any]) -> None:
    """Create the user while nobody else knows the port; from then on the server asks for it."""
    process, port = _start(folder, [], None)
    try:
        with MongoClient[dict[str, Any]](_uri(port, None)) as client:
            _create_user(client, credentials)
    finally:
        _stop(folder, process)
    credentials["provisioned"] = True
    _write_private(folder / "credentials.json", credentials)


def _create_user(client: MongoClient[dict[str, Any]], credentials: dict[str, Any]) -> None:
    user, password = credentials["user"], credentials["password"]
    try:
        client.admin.command("createUser", user, pwd=password, roles=["root"])
    except OperationFailure:  # a start that was killed here had made the user already
        client.admin.command("updateUser", user, pwd=password)


def _start(folder: Path, options: list[str], credentials: dict[str, Any] | None) -> tuple[subprocess.Popen[bytes], int]:
    """A server that answers, and its port. A port that somebody took meanwhile is tried again elsewhere."""
    for _ in range(PORTS_TO_TRY):
        port = _free_port()
        process = _spawn(folder, port, options)
        # Known from here on: should we be killed while we wait, the next owner ends it.
        _write_private(folder / "server.json", {"pid": process.pid})
        if _answers_in_time(process, _uri(port, credentials)):
            return process, port
        process.kill()
        process.wait()
        if not _port_was_taken(folder):
            break
    raise MongoServerError(f"the MongoDB server did not start: {_last_words(folder)} (log: {folder / 'server.log'})")


def _answers_in_time(process: subprocess.Popen[bytes], uri: str) -> bool:
    try:
        ended_or_answers = _wait_for(lambda: process.poll() is not None or _answers(uri), START_SECONDS)
    except BaseException:  # Ctrl-C above all: nobody else would stop it
        process.kill()
        process.wait()
        raise
    return ended_or_answers and process.poll() is None


def _spawn(folder: Path, port: int, options: list[str]) -> subprocess.Popen[bytes]:
    server = Path(sys.executable).with_name("secantusd-py")
    if not server.exists():
        raise MongoServerError(
            f"expected the MongoDB server {server}, found none: there is no package of it for this machine, or none "
            "in this image; set MONGO_URI to a server of your own"
        )
    command = [str(server), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--storage-path", str(folder / "data"), "--sync-on-commit", "--cache-size", "256M"]
    with (folder / "server.log").open("wb") as output:
        # Its own process group: Ctrl-C reaches us, and we stop it when the step at work has ended.
        return subprocess.Popen(
            [*command, *options], cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )


def _stop(folder: Path, process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        log.warning("mongo.killed", seconds=STOP_SECONDS)
        process.kill()
        process.wait()
    (folder / "server.json").unlink(missing_ok=True)


def _end_leftover(folder: Path) -> None:
    """End the server of an owner that was killed: nobody owns the folder now, so nobody uses it."""
    server = _read(folder / "server.json")
    if server is None or not _is_ours(server["pid"], folder):
        return
    log.warning("mongo.leftover_ended", pid=server["pid"])
    for sign, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        os.kill(server["pid"], sign)
        if _wait_for(lambda: not _is_ours(server["pid"], folder), seconds):
            return


def _is_ours(pid: int, folder: Path) -> bool:
    """Whether that process runs and has our data folder on its command line."""
    shown = subprocess.run(
        ["ps", "-o", "stat=,args=", "-ww", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.returncode == 0 and not shown.stdout.startswith("Z") and str(folder / "data") in shown.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _uri(port: int, credentials: dict[str, Any] | None) -> str:
    login = f"{credentials['user']}:{credentials['password']}@" if credentials else ""
    return f"mongodb://{login}127.0.0.1:{port}/?directConnection=true" + ("&authSource=admin" if login else "")


def _answers(uri: str) -> bool:
    try:
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=500, connectTimeoutMS=500) as client:
            client.admin.command("listDatabases")
    except PyMongoError:
        return False
    return True


def _port_was_taken(folder: Path) -> bool:
    text = (folder / "server.log").read_text(errors="replace").lower()
    return "address already in use" in text or "errno 98" in text or "errno 48" in text


def _last_words(folder: Path) -> str:
    lines = [line for line in (folder / "server.log").read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else "it said nothing"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return content


def _write_private(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, readable by the owner alone."""
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
    temporary.replace(path)
