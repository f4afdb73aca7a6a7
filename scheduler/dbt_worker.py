"""The warm dbt process: imports dbt once, then runs one command per line of JSON on standard input.

It is a separate process, so that a hung or oversized build can be ended together with its DuckDB connection.
It runs as a script and imports none of our modules. It exits as soon as its parent does: that closes standard input.

With the argument `console` it is dbt's own command line for the arguments that follow.
"""

import gc
import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

Message = dict[str, Any]

ALLOCATIONS = 100_000
"""Allocations between two garbage collections; Python's default is 700."""

_originals: dict[str, Any] = {}
"""dbt's original functions, to be restored."""


def main() -> None:
    """Serve requests until standard input ends; or run one command with this terminal."""
    if sys.argv[1:2] == ["console"]:
        _run_in_terminal(sys.argv[2:])
    send = _claim_stdout()
    requests = _read_requests()
    gc.disable()  # an import's objects are permanent; collecting garbage among them costs a tenth of the import
    runner = _import_runner(send)
    _spare_collections()
    send({"ready": True})
    while True:
        request = requests.get()
        os.environ.update(request["env"])
        _hear_debug_events(os.environ.get("DBT_LOG_LEVEL_FILE") != "none")
        send({"done": _run(runner, request["args"]) | {"holds": _release(request["database"])}})
        gc.collect()  # no command is waiting now


def _run_in_terminal(args: list[str]) -> NoReturn:
    gc.disable()
    from dbt.cli.main import cli  # noqa: PLC0415 (three seconds)

    _spare_collections()
    _parse_for_every_database()
    cli(args, prog_name="dbt")
    sys.exit(0)  # click has left already, with the command's exit code


def _parse_for_every_database() -> None:
    """Reuse dbt's parse for another database file: none of our files depends on its path.

    dbt discards its whole parse if a value changes that the adapter shows of its connection.
    """
    from dbt.adapters.duckdb.credentials import DuckDBCredentials  # noqa: PLC0415 (as above)

    credentials: Any = DuckDBCredentials  # the adapter carries no types
    credentials._connection_keys = lambda _: ("database", "schema")


def _spare_collections() -> None:
    """Collect garbage rarely: dbt keeps its objects for a whole command."""
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, 50, 50)
    gc.enable()


def _claim_stdout() -> Callable[[Message], None]:
    """Keep standard output for messages: whatever dbt prints goes to standard error."""
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()  # dbt fires events from its worker threads

    def send(message: Message) -> None:
        with lock:
            messages.write(json.dumps(message, default=str) + "\n")
            messages.flush()

    return send


def _read_requests() -> "queue.Queue[Message]":
    requests: queue.Queue[Message] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            requests.put(json.loads(line))
        os._exit(0)  # also during a build: its parent has gone

    threading.Thread(target=read, name="requests", daemon=True).start()
    return requests


def _import_runner(send: Callable[[Message], None]) -> Any:
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 (three seconds: stdin must be watched before)

    def forward(event: Any) -> None:
        if event.info.level not in ("info", "warn", "error") or not event.info.msg.strip():
            return
        data = event.data
        index, total = getattr(data, "index", 0), getattr(data, "total", getattr(data, "num_models", 0))
        fields = {"level": event.info.level, "name": event.info.name, "message": event.info.msg}
        send({"event": fields | {"index": index, "total": total}})

    _parse_for_every_database()
    return dbtRunner(callbacks=[forward])


def _hear_debug_events(heard: bool) -> None:
    """Create dbt's debug events only if something listens: creating them is a fifth of an incremental build.

    Their arguments are kept, and the event is created after all if dbt fires it at a higher level.
    """
    from dbt_common.events import base_types, event_manager  # noqa: PLC0415 (as above)

    base, manager, debug = base_types.BaseEvent, event_manager.EventManager, base_types.EventLevel.DEBUG
    make, fire = _originals.setdefault("events", (base.__init__, manager.fire_event))

    def keep(self: Any, *args: Any, **fields: Any) -> None:
        if isinstance(self, base_types.DebugLevel) and not args:
            object.__setattr__(self, "fields", fields)
        else:
            make(self, *args, **fields)

    def fire_heard(self: Any, e: Any, level: Any = None, *args: Any, **options: Any) -> None:
        fields = vars(e).pop("fields", None)
        if fields is not None:
            if level in (None, debug):
                return
            make(e, **fields)
        fire(self, e, level, *args, **options)

    patched: Any = (make, fire) if heard else (keep, fire_heard)
    setattr(base, "__init__", patched[0])  # noqa: B010 (mypy takes no assignment to a method)
    setattr(manager, "fire_event", patched[1])  # noqa: B010 (as above)


def _run(runner: Any, args: list[str]) -> Message:
    result = runner.invoke(args)
    if "--no-write-json" in args and result.result is not None:  # the results are read anyway
        result.result.write(str(Path(os.environ["DBT_TARGET_PATH"], "run_results.json")))
    error = None if result.exception is None else f"{type(result.exception).__name__}: {result.exception}"
    return {"success": bool(result.success), "error": error}


def _release(database: str) -> bool:
    """Close dbt's DuckDB connection; True when the file is still open, so that the parent ends this process."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: PLC0415 (as above)

    manager: Any = DuckDBConnectionManager  # the adapter carries no types
    if manager._ENV is not None:
        manager._ENV.close()
    manager.close_all_connections()
    return _holds(Path(database))


def _holds(database: Path) -> bool:
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        return True  # not detectable here (macOS): a new process per command is the safe choice
    return any(_target(link) == str(database.resolve()) for link in descriptors.iterdir())


def _target(link: Path) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 (Path.readlink would do, but a vanished link is normal here)
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    main()
