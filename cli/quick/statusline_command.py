"""`statusline`: one line for Claude Code's status line, from what it writes to stdin and from statusline.json.

Claude Code asks every second or so: nothing here opens a database, waits for a run, or fails. A damaged input or a
missing file makes the line shorter.
"""

import json
import os
import select
import sys
import time
from pathlib import Path
from typing import Any

from cli.quick.places import Places, find_places, setting
from cli.quick.plan_limits import plan_limits, record
from cli.quick.statusline import line

_WAIT_SECONDS = 0.5
_MOST_BYTES = 1024 * 1024
SHORT = "claude-analytics"
"""The output if there is nothing else to show: an empty line would suggest that the command is missing."""


def main(command: str, arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    data = _data(command, arguments)
    try:
        print(_line(find_places(data, dotenv=False)))
    except Exception:  # noqa: BLE001 (a status line that fails is blank, and nobody can mend it while they work)
        print(SHORT)
    return 0


def _data(command: str, arguments: list[str]) -> Path | None:
    if not arguments:
        return None
    from cli.quick import COMMANDS
    from cli.quick.options import Parser

    data: Path | None = Parser(command, COMMANDS[command].help).parse_args(arguments).data
    return data


def _line(places: Places) -> str:
    now = time.time()
    told = _read_json(_stdin())
    told = told if isinstance(told, dict) else {}
    limits = plan_limits(told.get("rate_limits"))
    _record(places, limits, now)
    published = _published(places)
    try:
        return line(told, published, limits, now) or SHORT
    except Exception:  # noqa: BLE001 (figures in a shape that this version does not know)
        return line(told, None, limits, now)


def _stdin() -> bytes:
    """Read what is written within half a second; a terminal writes nothing."""
    if sys.stdin is None or sys.stdin.isatty():
        return b""
    descriptor, end, read = sys.stdin.fileno(), time.monotonic() + _WAIT_SECONDS, bytearray()
    while len(read) < _MOST_BYTES and (left := end - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            break
        part = os.read(descriptor, 65536)
        if not part:
            break
        read += part
    return bytes(read)


def _read_json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _published(places: Places) -> dict[str, Any] | None:
    try:
        said = _read_json(places.statusline.read_bytes())
    except OSError:
        return None
    return said if isinstance(said, dict) else None


def _record(places: Places, limits: list[dict[str, Any]], now: float) -> None:
    """Keep the limits where there is a data directory; a full disk costs the history, not the line."""
    if not limits or not places.data_dir.is_dir():
        return
    try:
        record(places.plan_limits, limits, now, setting("host_name", {}) or os.uname().nodename)
    except OSError:
        return
