"""The loader over HTTP, against a real server that answers as the loader service does."""

import json
import select
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from common.settings import SettingsError, load_settings
from scheduler.loader_client import HttpLoader, LoaderError
from scheduler.transient import is_transient

pytestmark = pytest.mark.integration

EXTRACTED = {
    "documents": 3,
    "total_documents": 5,
    "late_documents": 0,
    "snapshot_id": 7,
    "watermark": "2026-05-01T00:00:00Z",
    "seconds": 0.5,
}


class Server(ThreadingHTTPServer):
    """Answers every POST with `answer`, once `gate` is open, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: tuple[int, Any] = (200, EXTRACTED)
        self.gate = threading.Event()
        self.gate.set()
        self.hung_up = threading.Event()
        self.asked: list[tuple[str, str | None, Any]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        """Say how far the step is."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ok", "step": "extract", "done": 3, "total": 9}')

    def do_POST(self) -> None:
        """Give the prepared answer."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Authorization"], body))
        while not self.server.gate.wait(0.02):
            if select.select([self.connection], [], [], 0)[0]:
                self.server.hung_up.set()
                return
        status, answer = self.server.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Tests print nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.gate.set()
        server.shutdown()
        thread.join()


def test_a_step_is_one_request_with_the_token(server: Server) -> None:
    loader = HttpLoader(server.url + "/", "the-token")
    result = loader.extract(full_refresh=True)
    assert (result.documents, result.snapshot_id) == (3, 7)
    assert server.asked == [("/extract", "Bearer the-token", {"full_refresh": True})]
    assert loader.is_healthy()


def test_what_the_loader_says_of_its_failure_reaches_the_reader(server: Server) -> None:
    server.answer = (500, {"error": "MongoDB refuses the password;\n check MONGO_URI"})
    with pytest.raises(
        LoaderError, match="answered 500 to load: MongoDB refuses the password; check MONGO_URI"
    ) as error:
        HttpLoader(server.url, None).load()
    assert not is_transient(error.value)


def test_a_loader_that_is_busy_or_away_is_worth_another_try(server: Server) -> None:
    server.answer = (503, {"error": "MongoDB is down"})
    with pytest.raises(Exception, match="answered 503 to maintain: MongoDB is down") as busy:
        HttpLoader(server.url, None).maintain()
    assert is_transient(busy.value)
    for address in ("http://127.0.0.1:1", "http://no-such-container.invalid:1"):
        away = HttpLoader(address, None)
        with pytest.raises(Exception, match=f"the loader at {address} cannot be reached") as gone:
            away.extract()
        assert is_transient(gone.value)
        assert not away.is_healthy()


def test_a_run_hears_how_far_the_loader_is_and_one_that_is_stopped_hangs_up(server: Server) -> None:
    seen: list[tuple[int, int | None]] = []

    def stop(done: int, total: int | None) -> None:
        seen.append((done, total))
        raise KeyboardInterrupt

    server.gate.clear()
    with pytest.raises(KeyboardInterrupt):
        HttpLoader(server.url, None).extract(progress=stop)
    assert seen == [(3, 9)]
    assert server.hung_up.wait(120)


def test_a_loader_that_never_answers_is_given_up(server: Server) -> None:
    server.gate.clear()
    with pytest.raises(LoaderError, match="gave no answer within 0 s"):
        HttpLoader(server.url, None, time_limit=0.1).load()


def test_without_an_address_the_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="LOADER_URL: expected the address of the loader service"):
        HttpLoader.of(load_settings(loader_url=None))
