"""Serves the status page until a signal: SIGTERM and Ctrl-C end the current step and then the process."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from scheduler.runner import address_path
from scheduler.service import Service


class _Server(uvicorn.Server):
    """Passes the signal to the service at once, so that its step ends while open requests are answered."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (uvicorn's signature)
        self._service.runner.stop.set()
        # uvicorn would raise the signal again after its shutdown; an orderly end is exit code 0
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def serve(app: FastAPI, service: Service, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; call from the main thread. Raises OSError if the address is in use."""
    listening = _listen(host, port)  # before the service starts: a second one must not begin a run and then end it
    config = uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=5)
    with _announced(address_path(service.runner.settings), listening):
        _Server(config, service).run([listening])


@contextmanager
def _announced(file: Path, listening: socket.socket) -> Iterator[None]:
    """Write the page's address on this machine to a file; a killed service leaves an outdated file."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  what is listened on, not a choice
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    file.write_text(address, encoding="utf-8")
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            if file.read_text(encoding="utf-8") == address:  # another service may have replaced it
                file.unlink()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise OSError(
            f"the status page cannot listen on {host}, port {port} ({error.strerror}); "
            "set SCHEDULER_HOST, SCHEDULER_PORT"
        ) from None
