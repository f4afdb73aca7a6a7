"""The page shown in place of the status page while an invalid setting keeps that from starting.

A container that exits because of an invalid setting is restarted every few seconds, and the reason is only in its log.
This one keeps running, unhealthy, and shows the reason on the status page's port. A corrected `.env` and
`docker compose up -d` replace it.
"""

import html
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

EXIT_USAGE = 2
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Not started · claude-analytics</title>
<h1>The appliance has not started</h1>{problems}
<p>{then} Nothing was lost, and the next run starts by itself.</p></html>"""
_CORRECT = "Correct it in <code>.env</code>, then <code>docker compose up -d --wait</code>."
_AGAIN = "Retrying every minute."


def show_problem(*problems: str, host: str | None = None, port: int | None = None, seconds: float | None = None) -> int:
    """Answer every request with the problems and status 503 until SIGTERM; return the exit code for an invalid setting.

    Args:
        problems: one line per problem; it names the setting and the expected value.
        seconds: exit after this time, for a problem that may pass by itself: the engine restarts the container.
        host: the address to listen on; by default SCHEDULER_HOST, which may itself be invalid.
        port: likewise.
    """
    address = host or os.environ.get("SCHEDULER_HOST") or "127.0.0.1", _port() if port is None else port
    lines = "".join(f"<p><strong>{html.escape(problem)}</strong></p>" for problem in problems)
    page = _PAGE.format(problems=lines, then=_AGAIN if seconds else _CORRECT)
    with ThreadingHTTPServer(address, _handler(page.encode())) as server:
        if seconds:
            threading.Timer(seconds, server.shutdown).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever(0.2)
    return EXIT_USAGE


def _port() -> int:
    given = os.environ.get("SCHEDULER_PORT", "")
    return int(given) if given.isdecimal() and 0 < int(given) < 2**16 else 8321


def _handler(page: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
            """Say nothing: the health check asks every few seconds."""

    return Handler
