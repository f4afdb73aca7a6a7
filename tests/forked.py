"""A process that begins with everything imported: a fork of one that waits, which saves most of what a small run costs.

Two kinds of processes wait (`serve dbt PROJECT MACROS`, `serve cli`). Otherwise this is the shadow of a fork: it hands
over its arguments, environment, folder and three streams, sends signals on, and lives as long. With `cli` as the first
argument the fork is the command line, else dbt's worker with the arguments of scheduler/dbt_worker.py.
What waits for dbt imports none of our modules, as the worker does.
"""

import atexit
import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from runpy import run_module
from types import FrameType
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
WORKER = ROOT / "scheduler" / "dbt_worker.py"
FORKED = Path(__file__)
SOCKETS = {"dbt": "DBT_FORKS_SOCKET", "cli": "CLI_FORKS_SOCKET"}
"""Where a kind's process listens: the name of the variable that names the socket."""
LOADED = (
    *("cli.main", "cli.run", "cli.vault_commands", "cli.forget_command", "cli.quick.start", "standalone.inputs"),
    *("report", "report.html", "vault", "jinja2", "pytz", "sqlalchemy.dialects.sqlite"),
)
"""What commands load when they need it."""
MESSAGE = 1 << 20


def main() -> None:
    """Wait for others, or have one fork and be its shadow."""
    if sys.argv[1:2] == ["serve"]:
        become = DbtFork(*sys.argv[3:]) if sys.argv[2] == "dbt" else CliFork()
        gc.freeze()
        Forks(os.environ[SOCKETS[sys.argv[2]]], become).serve()
    kind, arguments = ("cli", sys.argv[2:]) if sys.argv[1:2] == ["cli"] else ("dbt", sys.argv[1:])
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(os.environ[SOCKETS[kind]])
        request = {"environment": dict(os.environ), "folder": str(Path.cwd()), "arguments": arguments}
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
    """The process that waits, and its forks."""

    def __init__(self, path: str, become: Callable[[list[str]], int]) -> None:
        self._become = become
        self._events = selectors.DefaultSelector()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(f"{path}.new")
        self._listening.listen()
        Path(f"{path}.new").rename(path)

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
            self._run(**json.loads(text), streams=streams)
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

    def _run(self, environment: dict[str, str], folder: str, arguments: list[str], streams: list[int]) -> NoReturn:
        self._listening.close()
        self._events.close()
        os.setsid()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        code = 1
        try:
            code = self._become(arguments)
        except BaseException:  # noqa: BLE001 (a fork must never go on as the process that waits)
            traceback.print_exc()
        with suppress(BrokenPipeError):  # as at the end of any program whose reader has gone
            sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # the interpreter's own end trips over what was loaded before the fork


class DbtFork:
    """What has imported dbt, and compiled the macros of our project; called in a fork it is the worker."""

    def __init__(self, project: str, macros: str) -> None:
        self._worker = load_worker()
        gc.disable()
        self._warm_up(Path(project), Path(macros))
        gc.enable()

    def __call__(self, arguments: list[str]) -> int:
        """Run the worker, or dbt's own command line, and return the exit code."""
        sys.argv = [str(WORKER), *arguments]
        try:
            self._worker.main()
        except SystemExit as ended:
            self._worker._release(os.environ["DUCKDB_PATH"])
            return int(ended.code or 0)
        return 0

    def _warm_up(self, project: Path, macros: Path) -> None:
        """Parse a small project with our macros: what dbt prepares at its first command is as much work as the imports.

        Without the static parser, whose threads no fork would have.
        """
        (project / "macros" / "ours").symlink_to(macros)
        places = {"DBT_PROJECT_DIR": project, "DBT_PROFILES_DIR": project, "DUCKDB_PATH": project / "none.db"}
        places |= {"DBT_TARGET_PATH": project / "target", "DBT_LOG_PATH": project / "logs"}
        chosen = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_VERSION_CHECK": "false", "DBT_LOG_LEVEL": "none"}
        os.environ.update({name: str(path) for name, path in places.items()} | chosen)
        runner = self._worker._import_runner(lambda _: None)
        parsed = runner.invoke(["parse", "--no-static-parser", "--vars", '{"timezone": "UTC"}'])
        if not parsed.success:
            raise SystemExit(str(parsed.exception))
        from dbt_common.clients.jinja import template_cache  # noqa: PLC0415 (loaded by now)

        for macro in parsed.result.macros.values():
            template_cache.get_node_template(macro)


class CliFork:
    """What has imported the command line with what a run needs; called in a fork it is one command."""

    def __init__(self) -> None:
        sys.path.insert(0, str(ROOT))
        gc.disable()
        for name in LOADED:
            import_module(name)
        gc.enable()

    def __call__(self, arguments: list[str]) -> int:
        """Run the command and return its exit code."""
        from scheduler import dbt_process  # noqa: PLC0415 (what waits for dbt has none of our modules)

        dbt_process.WORKER = FORKED
        sys.argv = ["cli", *arguments]
        sys.orig_argv = [sys.executable, "-m", *sys.argv]
        try:
            run_module("cli", run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            if isinstance(ended.code, str):
                print(ended.code, file=sys.stderr)
                return 1
            return ended.code or 0
        finally:
            threading._shutdown()  # type: ignore[attr-defined] # waits for threads as the interpreter's end does
            atexit._run_exitfuncs()
        return 0


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
