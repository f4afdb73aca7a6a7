"""Serves the status page until a signal: SIGTERM and Ctrl-C end the current step and then the process."""

import signal
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from scheduler.service import Service


class _Server(uvicorn.Server):
    """Tells the service about the signal at once: its step ends while open requests are answered."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (uvicorn's signature)
        self._service.runner.stop.set()
        # uvicorn would raise the signal again after its shutdown; an orderly end is exit code 0
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def serve(app: FastAPI, service: Service, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; to be called from the main thread. OSError when the address is taken."""
    listening = _listen(host, port)  # before the service starts: a second one must not begin a run and then end it
    config = uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=5)
    _Server(config, service).run([listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise OSError(
            f"the status page cannot listen on {host}, port {port} ({error.strerror}); "
            "set SCHEDULER_HOST, SCHEDULER_PORT"
        ) from None
