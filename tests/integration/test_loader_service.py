"""The loader over HTTP: who may call it, what it answers, and how a step ends that nobody waits for any more."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests
import uvicorn
from pydantic import SecretStr
from pymongo.database import Database

from common.loader_results import ExtractResult, LoadResult, MaintenanceResult
from loader.http_service import Progress, Steps, create_app

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "the-token-of-this-test"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PATIENCE = 120.0


def eventually(true: Callable[[], bool]) -> bool:
    """Whether it becomes true before patience runs out."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)  # the service is asked, it does not call
    return True


def answers(url: str) -> bool:
    """Whether the service is up."""
    try:
        return requests.get(f"{url}/healthz", timeout=PATIENCE).ok
    except requests.ConnectionError:
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def post(url: str, **body: Any) -> requests.Response:
    return requests.post(url, json=body, headers=BEARER, timeout=PATIENCE)


@contextmanager
def process(data: Path, mongo_uri: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`python -m loader` as the appliance starts it, but for a catalog on local files."""
    port = free_port()
    environment = os.environ | {"DATA_DIR": str(data), "MONGO_URI": mongo_uri, "LOADER_TOKEN": TOKEN}
    command = [sys.executable, "-m", "loader", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stderr=subprocess.PIPE) as started:
        try:
            assert eventually(lambda: started.poll() is not None or answers(f"http://127.0.0.1:{port}"))
            yield f"http://127.0.0.1:{port}", started
        finally:
            started.terminate()
            started.wait(PATIENCE)


def test_documents_travel_from_mongodb_to_raw_and_only_once(
    tmp_path: Path, mongo_server: str, mongo_database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGO_DATABASE", mongo_database.name)
    with process(tmp_path, mongo_server) as (url, _):
        line = {"type": "user", "sessionId": "s", "message": {"role": "user", "content": "hello"}}
        documents = [line | {"_id": f"{n:032x}", "ingestedAt": datetime(2026, 1, n, tzinfo=UTC)} for n in (1, 2, 3)]
        mongo_database.conversations.insert_many(documents)
        assert ExtractResult.model_validate(post(f"{url}/extract").json()).documents == 3
        assert LoadResult.model_validate(post(f"{url}/load").json()).rows == 3
        assert post(f"{url}/extract").json()["documents"] == 0
        assert post(f"{url}/load").json()["documents"] == 0
        assert post(f"{url}/load", full_refresh=True).json()["full"] is True
        assert MaintenanceResult.model_validate(post(f"{url}/maintain").json()).orphans_deleted == 0
        # The service holds no lock between steps: dbt is to open this file next.
        with duckdb.connect(str(tmp_path / "duckdb" / "work" / "analytics.db")) as connection:
            assert connection.execute("select count(*) from raw.conversations").fetchone() == (3,)


def test_a_server_that_is_away_is_worth_another_try(tmp_path: Path) -> None:
    nowhere = f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=300"
    with process(tmp_path, nowhere) as (url, _):
        answer = post(f"{url}/extract")
    assert answer.status_code == 503
    assert "extract: StoreAwayError: MongoDB: expected it to answer" in answer.json()["detail"]


def test_a_signal_ends_the_service_cleanly(tmp_path: Path) -> None:
    with process(tmp_path, "mongodb://127.0.0.1:1") as (_, started):
        started.send_signal(signal.SIGTERM)
        # uvicorn lets open requests end, then raises the signal again for whoever waits for the process.
        assert started.wait(PATIENCE) == -signal.SIGTERM


def test_without_a_token_the_service_does_not_start(tmp_path: Path) -> None:
    environment = os.environ | {"DATA_DIR": str(tmp_path), "MONGO_URI": "mongodb://127.0.0.1:1"}
    command = [sys.executable, "-m", "loader", "--port", "0"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "loader: LOADER_TOKEN: the loader service needs it; set it, or LOADER_TOKEN_FILE to a file that holds it"
    ]


@dataclass
class Gate:
    """A step that reports progress until it is let through, as a long extract does."""

    open: threading.Event = field(default_factory=threading.Event)
    ended_early: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _: bool, progress: Progress) -> ExtractResult:
        """The step itself."""
        done = 0
        while not self.open.wait(0.01):
            done += 1
            try:
                progress(done, 1000)
            except BaseException:
                self.ended_early.set()
                raise
        return ExtractResult(
            documents=done, total_documents=done, late_documents=0, snapshot_id=None, watermark=None, seconds=0
        )


def _fails(full_refresh: bool, progress: Progress) -> LoadResult:
    raise ValueError("the first line\nand more that nobody needs")


@contextmanager
def served(steps: Steps) -> Iterator[str]:
    """The application over these steps, on a real socket."""
    app = create_app(steps, SecretStr(TOKEN))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert eventually(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def url(gate: Gate) -> Iterator[str]:
    steps = Steps(extract=gate, load=_fails, maintain=lambda progress: pytest.fail("nobody asked for it"))
    with served(steps) as address:
        yield address
        gate.open.set()


@contextmanager
def extract_under_way(url: str) -> Iterator[http.client.HTTPConnection]:
    """A caller that has asked and waits."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    connection.request("POST", "/extract", json.dumps({}), BEARER | {"Content-Type": "application/json"})
    assert eventually(lambda: requests.get(f"{url}/healthz", timeout=PATIENCE).json()["done"] > 0)
    yield connection
    connection.close()


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
@pytest.mark.parametrize("step", ["extract", "load", "maintain"])
def test_nothing_happens_without_the_token(url: str, step: str, headers: dict[str, str]) -> None:
    answer = requests.post(f"{url}/{step}", json={}, headers=headers, timeout=PATIENCE)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert requests.get(f"{url}/healthz", timeout=PATIENCE).json()["step"] is None


def test_whoever_asks_for_the_health_learns_how_far_the_step_is(url: str) -> None:
    with extract_under_way(url):
        health = requests.get(f"{url}/healthz", timeout=PATIENCE).json()
    assert health["status"] == "ok"
    assert health["step"] == "extract"
    assert health["total"] == 1000


def test_a_second_caller_is_told_who_is_at_work(url: str, gate: Gate) -> None:
    with extract_under_way(url) as first:
        answer = post(f"{url}/load")
        assert answer.status_code == 409
        assert answer.json()["detail"].startswith("extract is running since ")
        gate.open.set()
        assert first.getresponse().status == 200


def test_a_step_ends_when_its_caller_goes_away(url: str, gate: Gate) -> None:
    with extract_under_way(url) as connection:
        connection.close()
        assert gate.ended_early.wait(PATIENCE)
    assert eventually(lambda: requests.get(f"{url}/healthz", timeout=PATIENCE).json()["step"] is None)


def test_an_error_that_would_come_again_is_one_line(url: str) -> None:
    answer = post(f"{url}/load")
    assert (answer.status_code, answer.json()) == (500, {"detail": "load: ValueError: the first line"})


def test_collectors_are_told_to_those_with_the_token_while_a_step_runs_and_metrics_to_all(url: str, gate: Gate) -> None:
    with extract_under_way(url):
        assert requests.get(f"{url}/collectors", timeout=PATIENCE).status_code == 401
        assert requests.get(f"{url}/collectors", headers=BEARER, timeout=PATIENCE).json() == []
        assert "claude_analytics_loader_busy 1.0" in requests.get(f"{url}/metrics", timeout=PATIENCE).text
        gate.open.set()


def test_the_interface_describes_itself(url: str) -> None:
    described = requests.get(f"{url}/openapi.json", timeout=PATIENCE).json()
    assert described["paths"].keys() == {"/healthz", "/metrics", "/extract", "/load", "/maintain", "/collectors"}
    assert described["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert described["paths"]["/extract"]["post"]["responses"].keys() >= {"200", "401", "409", "500", "503"}
