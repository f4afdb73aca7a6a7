"""The files beside the report: a fingerprint and one packed value each, which a page opened from disk can load.

A page may not fetch a file beside it, but it may run one as a script. Each file is a script of two lines: a comment
with the fingerprint of its source, and a call with the value as JSON, gzip and base64. No text of a transcript is
part of the script itself, so transcript content can neither end it nor be run.
"""

import base64
import gzip
import json
import os
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

SUFFIX = ".js"
_HEAD = "// claude-analytics "
_RECEIVE = re.compile(r'^receiveClaudeAnalytics\("[\w-]+","([A-Za-z0-9+/=]+)"\);\n$')
_LEVEL = 4
_LONGEST_HEAD = 200
_READER_ONLY, _FOLDER_OF_READER = 0o600, 0o700


def private_folder(folder: Path) -> None:
    """Create the folder if it is missing, readable only by its owner."""
    folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_OF_READER)
    folder.chmod(_FOLDER_OF_READER)


def write_packed(folder: Path, name: str, fingerprint: str, value: Any) -> None:
    """Write `name`.js atomically, readable only by its owner."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    packed = base64.b64encode(gzip.compress(text.encode(), _LEVEL, mtime=0)).decode()
    script = f'{_HEAD}{fingerprint}\nreceiveClaudeAnalytics("{name}","{packed}");\n'
    # A unique name, because a run and a person may write the same file at once.
    unfinished = folder / f".{name}.{uuid4().hex[:8]}.unfinished"
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READER_ONLY)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(script)
        unfinished.replace(folder / f"{name}{SUFFIX}")
    finally:
        unfinished.unlink(missing_ok=True)


def fingerprint_of(path: Path) -> str | None:
    """Return the file's fingerprint; None if it does not exist, or was not written by `write_packed`."""
    try:
        descriptor = os.open(path, os.O_RDONLY)  # unbuffered: a report reads thousands of files
    except OSError:
        return None
    try:
        head = os.read(descriptor, _LONGEST_HEAD)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    line = head.partition(b"\n")[0].decode("ascii", "replace")
    return line.removeprefix(_HEAD) if line.startswith(_HEAD) else None


def read_packed(path: Path) -> Any:
    """Return the file's value, or None if it is missing or damaged."""
    try:
        script = path.read_text(encoding="ascii").partition("\n")[2]
        packed = _RECEIVE.match(script)
        return json.loads(gzip.decompress(base64.b64decode(packed[1]))) if packed else None
    except (OSError, EOFError, ValueError, gzip.BadGzipFile):
        return None
