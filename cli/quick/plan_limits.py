"""Keeps what only the status line is told: how much of the plan's limits is used. scheduler/plan_limits.py reads it.

One short line per change is appended in one write, so that any number of status lines may do it at once. An idle
session goes on telling an old value: one that is among the latest lines is not written again. A file that is full
becomes the older part.
"""

import fcntl
import json
import math
import os
from pathlib import Path
from typing import Any

FULL_BYTES = 8 * 1024 * 1024
_LATEST_BYTES = 16 * 1024
_MOST_WINDOWS = 8


def plan_limits(told: Any) -> list[dict[str, Any]]:
    """Return the windows of `rate_limits` whose used percentage is a number."""
    windows = told.items() if isinstance(told, dict) else ()
    found = [
        {"window": name, "used_percentage": window["used_percentage"], "resets_at": window.get("resets_at")}
        for name, window in windows
        if isinstance(window, dict) and _is_number(window.get("used_percentage")) and _is_name(name)
    ]
    return found[:_MOST_WINDOWS]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _is_name(name: str) -> bool:
    return len(name) <= 40 and name.isascii() and name.replace("_", "").isalnum()


def record(file: Path, limits: list[dict[str, Any]], at: float, host: str) -> None:
    """Append what the latest lines do not say."""
    latest, size = _latest(file)
    new = [
        {"at": round(at, 3), **limit, "resets_at": limit["resets_at"] if _is_number(limit["resets_at"]) else None}
        for limit in limits
    ]
    lines = [json.dumps(line | {"host": host[:200]}) for line in new if _said(line) not in latest]
    if not lines:
        return
    if size > FULL_BYTES:
        _rotate(file)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, ("\n".join(lines) + "\n").encode())
    finally:
        os.close(descriptor)


def _rotate(file: Path) -> None:
    """Make the full file the older part, unless another process is at it or has done it."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), file.stat()):
            file.replace(file.with_name(f"{file.stem}.1{file.suffix}"))
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


def _said(line: dict[str, Any]) -> tuple[Any, ...]:
    return line.get("window"), line.get("used_percentage"), line.get("resets_at")


def _latest(file: Path) -> tuple[set[tuple[Any, ...]], int]:
    """What the last lines say, and the file's size."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(size - _LATEST_BYTES, 0))
            lines = stream.read().splitlines()
    except FileNotFoundError:
        return set(), 0
    return {_said(said) for line in lines if isinstance(said := _parsed(line), dict)}, size


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:  # the first line may be cut
        return None
