"""A dbt process that begins with dbt imported: a fork of one that waits, which saves most of a small build's time.

It takes the arguments of scheduler/dbt_worker.py, hands its three streams to the process behind DBT_FORKS_SOCKET and
lives as long as the fork, which runs the worker's `main`; a signal to it reaches the fork. With `serve PROJECT` it is
the process that waits. Like the worker it imports none of our modules.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

WORKER = Path(__file__).parent.parent / "scheduler" / "dbt_worker.py"
FORKED_DBT = Path(__file__)
SOCKET = "DBT_FORKS_SOCKET"
MESSAGE = 1 << 20


def main() -> None:
    """Wait for others, or have one fork and be its shadow."""
    if sys.argv[1:2] == ["serve"]:
        Forks(sys.argv[2]).serve()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(os.environ[SOCKET])
        request = {"environment": dict(os.environ), "folder": str(Path.cwd()), "arguments": sys.argv[1:]}
        socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2])
        pid = int(server.recv(MESSAGE))
        forward_signals(pid)
        os.close(0)  # the fork alone reads and writes from here on: its end is the end of the streams
        os.close(1)
        code = int(server.recv(MESSAGE))
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


def forward_signals(pid: int) -> None:
    """Send on what can be caught; the end by SIGKILL is seen at the socket."""

    def forward(number: int, _: FrameType | None) -> None:
        os.kill(pid, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, forward)


class Forks:
    """The process that waits with dbt imported, and its forks."""

    def __init__(self, project: str) -> None:
        self._worker = load_worker()
        self._warm_up(project)
        gc.freeze()
        self._events = selectors.DefaultSelector()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(os.environ[SOCKET] + ".new")
        self._listening.listen()
        Path(os.environ[SOCKET] + ".new").rename(os.environ[SOCKET])

    def _warm_up(self, project: str) -> None:
        """Parse a project: what dbt prepares at its first command is as much work as the imports.

        Without the static parser, whose threads no fork would have.
        """
        gc.disable()
        folder = Path(project)
        places = {"DBT_PROJECT_DIR": folder, "DBT_PROFILES_DIR": folder, "DUCKDB_PATH": folder / "none.db"}
        places |= {"DBT_TARGET_PATH": folder / "target", "DBT_LOG_PATH": folder / "logs"}
        chosen = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_VERSION_CHECK": "false", "DBT_LOG_LEVEL": "none"}
        os.environ.update({name: str(path) for name, path in places.items()} | chosen)
        runner = self._worker._import_runner(lambda _: None)
        answer = self._worker._run(runner, ["parse", "--no-static-parser", "--vars", '{"timezone": "UTC"}'])
        if not answer["success"]:
            raise SystemExit(answer["error"])
        gc.enable()

    def serve(self) -> NoReturn:
        """Fork for each connection; end with standard input."""
        self._events.register(self._listening, selectors.EVENT_READ, self._begin)
        self._events.register(0, selectors.EVENT_READ, lambda: sys.exit(0))
        while True:
            for key, _ in self._events.select()[:1]:  # the next may go with this one
                key.data()

    def _begin(self) -> None:
        connection, _ = self._listening.accept()
        text, streams, _, _ = socket.recv_fds(connection, MESSAGE, 3)
        pid = os.fork()
        if pid == 0:
            connection.close()
            self._become_a_worker(**json.loads(text), streams=streams)
        for stream in streams:
            os.close(stream)
        connection.send(str(pid).encode())
        watch = os.pidfd_open(pid)
        end = self._end_of(pid, watch, connection)
        self._events.register(watch, selectors.EVENT_READ, end)
        self._events.register(connection, selectors.EVENT_READ, end)

    def _end_of(self, pid: int, watch: int, connection: socket.socket) -> Any:
        """Return what to do when the fork has ended, or the process that stands for it."""

        def end() -> None:
            self._events.unregister(watch)
            self._events.unregister(connection)
            signal.pidfd_send_signal(watch, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            os.close(watch)
            with connection, suppress(BrokenPipeError):  # it was killed: nobody asks
                connection.send(str(code).encode())

        return end

    def _become_a_worker(
        self, environment: dict[str, str], folder: str, arguments: list[str], streams: list[int]
    ) -> NoReturn:
        self._listening.close()
        self._events.close()
        os.setsid()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.argv = [str(WORKER), *arguments]
        code = 1
        try:
            self._worker.main()
        except SystemExit as ended:  # with the exit code of dbt's own command line
            code = int(ended.code or 0)
            self._worker._release(os.environ["DUCKDB_PATH"])
        except BaseException:  # noqa: BLE001 (a fork must never go on as the process that waits)
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # the interpreter's own end trips over what was loaded before the fork


def load_worker() -> Any:
    """Import the worker, which lies outside sys.path so that nothing beside it can stand in for a package."""
    loader = SourceFileLoader("dbt_worker", str(WORKER))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    worker = module_from_spec(spec)
    loader.exec_module(worker)
    return worker


if __name__ == "__main__":
    main()
