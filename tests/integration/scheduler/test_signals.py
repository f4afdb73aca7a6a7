"""A serving runner that is told to end, or is killed, in the middle of a run."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from common.paths import DataPaths
from scheduler.history import History
from scheduler.lock import PipelineLock
from scheduler.serve import serve
from scheduler.service import Service
from scheduler.web import create_app
from tests.integration.scheduler.small import make_project, make_runner, make_settings

pytestmark = pytest.mark.integration

TOKEN = {"Authorization": "Bearer token"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_serving(folder: Path) -> "tuple[subprocess.Popen[bytes], str]":
    port = free_port()
    module = "tests.integration.scheduler.serving"
    process = subprocess.Popen([sys.executable, "-m", module, str(folder), str(folder / "project"), str(port)])
    url, pause, deadline = f"http://127.0.0.1:{port}", threading.Event(), time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/healthz", timeout=10).ok:
                return process, url
        except requests.RequestException:
            pause.wait(0.1)
    process.kill()
    process.wait()
    return pytest.fail("the scheduler did not start")


def start_run(url: str) -> int:
    answer = requests.post(f"{url}/api/runs", headers=TOKEN, timeout=30)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["id"])


def history_of(folder: Path) -> History:
    return History(make_settings(folder).data_dir / "scheduler" / "history.db")


def test_sigterm_ends_the_step_cleanly_and_the_process_with_it(tmp_path: Path) -> None:
    make_project(tmp_path / "project")
    process, url = start_serving(tmp_path)
    run_id = start_run(url)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 0
    run = history_of(tmp_path).run(run_id)
    assert run is not None
    assert (run.status, run.message) == ("interrupted", "extract: the run was told to stop")
    assert PipelineLock(DataPaths.of(make_settings(tmp_path)).duckdb.lock).holder() is None


def test_a_killed_runner_leaves_a_free_lock_and_the_next_start_marks_its_run(tmp_path: Path) -> None:
    make_project(tmp_path / "project")
    process, url = start_serving(tmp_path)
    run_id = start_run(url)
    assert PipelineLock(DataPaths.of(make_settings(tmp_path)).duckdb.lock).holder() is not None
    process.kill()
    process.wait()
    assert PipelineLock(DataPaths.of(make_settings(tmp_path)).duckdb.lock).holder() is None
    again, url = start_serving(tmp_path)
    try:
        run = requests.get(f"{url}/api/runs/{run_id}", timeout=10).json()["run"]
        assert (run["status"], run["message"]) == ("interrupted", "the scheduler stopped during this run")
        assert start_run(url) == run_id + 1
    finally:
        again.kill()
        again.wait()


def ask_to_run(data: Path) -> "subprocess.CompletedProcess[str]":
    """`run --now` as a process: within this one, its settings of the log would stay."""
    command = [sys.executable, "-m", "cli", "run", "--now", "--data", str(data)]
    environment = os.environ | {"SCHEDULER_TOKEN": "token"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_running_service_is_found_by_its_data_directory(tmp_path: Path) -> None:
    make_project(tmp_path / "project")
    process, url = start_serving(tmp_path)
    data = make_settings(tmp_path).data_dir
    try:
        found = ask_to_run(data)
        assert (found.returncode, found.stdout) == (0, f"Run 1 started: {url}/runs/1\n")
    finally:
        process.terminate()
        process.wait(120)
    gone = ask_to_run(data)
    assert gone.returncode == 1
    assert "no service answers at http://127.0.0.1:8321" in gone.stderr


def test_an_address_that_is_taken_is_told_before_the_service_starts(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    runner = make_runner(settings, make_project(tmp_path / "project"))
    service = Service(runner, settings)
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(OSError, match="set SCHEDULER_HOST, SCHEDULER_PORT"),
    ):
        serve(create_app(service, settings), service, "127.0.0.1", other.getsockname()[1])
    assert service.started_at is None
