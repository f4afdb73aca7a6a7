"""Opens a transcript, compressed or not, so that its reader sees only lines.

A compressed transcript is named `*.jsonl.gz`, or has the old name and gzip inside. A note on a sub-agent becomes one
line of type `agent-meta`.
"""

import gzip
import io
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from common.transcript_files import META_SUFFIX, Transcript

CHUNK_BYTES = 1024 * 1024
MAX_NOTE_BYTES = 16 * 1024 * 1024
_GZIP = b"\x1f\x8b"


class Note(io.BytesIO):
    """A note on a sub-agent, as its line."""

    def __init__(self, source_file: str, original: bytes) -> None:
        """`original` is the file's content, which differs from the line."""
        super().__init__(note_line(source_file, original))
        self.original = original


@contextmanager
def opened(transcript: Transcript) -> Iterator[tuple[BinaryIO, os.stat_result, int]]:
    """Yield the transcript's lines as a file, the opened file's stat result, and the limit of the lines' bytes.

    Raises OSError if the file cannot be read or its compression is damaged.
    """
    with transcript.path.open("rb", buffering=CHUNK_BYTES) as file:
        stat = os.fstat(file.fileno())
        if transcript.is_agent_note:
            note = Note(transcript.source_file, file.read(MAX_NOTE_BYTES))
            yield note, stat, len(note.getvalue())
        elif _is_packed(file):
            with gzip.GzipFile(fileobj=file) as unpacked, _damage_named():
                yield io.BufferedReader(unpacked, CHUNK_BYTES), stat, 2**63 - 1
        else:
            yield file, stat, stat.st_size


def _is_packed(file: BinaryIO) -> bool:
    start = file.read(len(_GZIP))
    file.seek(0)
    return start == _GZIP


@contextmanager
def _damage_named() -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise OSError(0, f"damaged gzip file: {error}") from error


def note_line(source_file: str, content: bytes) -> bytes:
    """Return Claude Code's note on a sub-agent as a line with the session and the agent from its path.

    A note that is not an object is returned unchanged, and rejected like any such line.
    """
    folders = source_file.split("/")
    session = folders[folders.index("subagents") - 1] if "subagents" in folders[1:] else ""
    agent = folders[-1].removesuffix(META_SUFFIX).removeprefix("agent-")
    known = {"type": "agent-meta", "sessionId": session, "agentId": agent}
    line = content.strip()
    with suppress(ValueError, RecursionError):
        note = json.loads(content.decode("utf-8", "replace"))
        if isinstance(note, dict):
            line = _written(note | {name: value for name, value in known.items() if value})
    return line + b"\n"


def _written(note: dict[str, Any]) -> bytes:
    compact = json.dumps(note, ensure_ascii=False, separators=(",", ":"))
    try:
        return compact.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can express
        return json.dumps(note, separators=(",", ":")).encode()
