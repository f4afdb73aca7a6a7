"""Finds and reads transcripts, compressed or not; a line with several objects is several lines."""

import gzip
import io
import json
import os
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

Json = dict[str, Any]

_NAMES = re.compile(r".*\.jsonl(\.gz)?|agent-.*\.meta\.json", re.DOTALL)
_NOTE = ".meta.json"
_AROUND = b" \t\r\n\0"
_BOM = b"\xef\xbb\xbf"
_BETWEEN = re.compile("[ \t\r\n\0\ufeff]*")
_LONGEST_INTEGER = 25
"""Python refuses to read thousands of digits, and no figure has so many."""
_DESKTOP = "local-agent-mode-sessions"
_MOST_LEVELS = 1024
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_HALF_PAIR = re.compile("[\ud800-\udfff]")


class Found(NamedTuple):
    """A JSON object of a transcript, with its bytes and its place; None if a line is something else."""

    raw: bytes
    offset: int
    value: Json | None


def transcript_files(roots: Sequence[Path]) -> dict[str, Path]:
    """Return every transcript by its name: relative to its directory, and with a label where that is not the first."""
    found: dict[str, Path] = {}
    real: list[Path] = []
    for root in roots:
        place = root.resolve()
        if any(place == other or other in place.parents for other in real):
            continue
        label = f"~{blake2b(os.fsencode(root), digest_size=3).hexdigest()}/" if real else ""
        found |= {label + name: path for name, path in sorted(_files_below(root))}
        if root.name == "projects" and (root.parent / "history.jsonl").is_file():
            found[f"{label}../history.jsonl"] = root.parent / "history.jsonl"
        real.append(place)
    return found


def _files_below(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and path of every transcript below a directory; each folder once, links followed."""
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        stat = Path(folder).stat()
        if (stat.st_dev, stat.st_ino) in seen:
            folders.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        folders.sort(key=lambda name: ((Path(folder) / name).is_symlink(), name))
        for path in (Path(folder) / name for name in names if _NAMES.fullmatch(name)):
            if path.is_file() and (root.name != _DESKTOP or "/.claude/projects/" in path.as_posix()):
                name = os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")
                yield name, path


def stem(source_file: str) -> str:
    """Return a file's name without folders and ending, which stands for the session of lines that name none."""
    return source_file.rpartition("/")[2].removesuffix(".gz").removesuffix(".jsonl")


def folder(source_file: str) -> str:
    """Return the folder below the transcripts directory that a file is in."""
    parts = source_file.split("/")
    if len(parts) > 1 and parts[0].startswith("~"):
        del parts[0]
    return parts[0] if len(parts) > 1 else "."


def objects_of_file(source_file: str, path: Path, limit: int | None) -> Iterator[Found]:
    """Yield what a transcript holds, or the first `limit` bytes of it, as far as it can be read.

    A last line without its end counts if it is complete.
    """
    with path.open("rb") as file:
        if source_file.endswith(_NOTE):
            yield from _physical_lines(io.BytesIO(_note(source_file, file.read())), None)
            return
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            yield from _physical_lines(file, os.fstat(file.fileno()).st_size if limit is None else limit)
            return
        try:
            yield from _physical_lines(io.BufferedReader(gzip.GzipFile(fileobj=file)), limit)
        except (EOFError, zlib.error, gzip.BadGzipFile):  # objects before the damage count
            return


def _note(source_file: str, content: bytes) -> bytes:
    """Return a note on a sub-agent as a line with the session and agent of its path."""
    folders = source_file.split("/")
    try:
        note = json.loads(content.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return content.strip() + b"\n"
    if not isinstance(note, dict):
        return content.strip() + b"\n"
    note["type"] = "agent-meta"
    if "subagents" in folders[1:]:
        note["sessionId"] = folders[folders.index("subagents") - 1]
    if agent := folders[-1].removesuffix(_NOTE).removeprefix("agent-"):
        note["agentId"] = agent
    compact = json.dumps(note, ensure_ascii=False, separators=(",", ":"))
    return (json.dumps(note, separators=(",", ":")) if _HALF_PAIR.search(compact) else compact).encode()


def _physical_lines(file: BinaryIO | io.BufferedReader, limit: int | None) -> Iterator[Found]:
    offset = 0
    while (limit is None or offset < limit) and (line := file.readline(-1 if limit is None else limit - offset)):
        found = list(_objects(line, offset))
        if line.endswith(b"\n") or all(entry.value is not None for entry in found):
            yield from found
        offset += len(line)


def _objects(physical: bytes, offset: int) -> Iterator[Found]:
    """Yield the JSON objects of a line; None stands for the rest of the line that holds none."""
    raw = physical.lstrip(_AROUND)
    while raw.startswith(_BOM):
        raw = raw[len(_BOM) :].lstrip(_AROUND)
    offset += len(physical) - len(raw)
    raw = raw.rstrip(_AROUND)
    while raw.endswith(_BOM):
        raw = raw[: -len(_BOM)].rstrip(_AROUND)
    if not raw:
        return
    text = raw.decode("utf-8", "surrogateescape")
    may_be_deep = text.count("[") + text.count("{") > _MOST_LEVELS // 4
    if may_be_deep:  # so that as many levels are read wherever this is called from
        sys.setrecursionlimit(max(8 * _MOST_LEVELS, sys.getrecursionlimit()))
    value = None
    with suppress(ValueError, RecursionError):
        value = json.loads(text)
    if isinstance(value, dict) and not (may_be_deep and _is_too_deep(text, 0)):
        yield Found(raw, offset, value)
    else:
        yield from _objects_one_by_one(text, offset)


def _objects_one_by_one(text: str, offset: int) -> Iterator[Found]:
    decoder = json.JSONDecoder(parse_int=lambda digits: (int if len(digits) < _LONGEST_INTEGER else float)(digits))
    position = 0
    while position < len(text):
        value: Any = None
        with suppress(ValueError, RecursionError):
            value, end = decoder.raw_decode(text, position)
        if not isinstance(value, dict) or _is_too_deep(text, position):  # takes the rest of the line with it
            value, end = None, len(text)
        raw = text[position:end].encode("utf-8", "surrogateescape")
        yield Found(raw, offset, value)
        between = _BETWEEN.match(text, end)
        following = between.end() if between else end
        offset += len(text[position:following].encode("utf-8", "surrogateescape"))
        position = following


def _is_too_deep(text: str, start: int) -> bool:
    """Return whether the object that starts here is nested in more levels than are read."""
    level = 0
    for token in _TOKEN.finditer(text, start):
        level += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if level in {0, _MOST_LEVELS + 1}:
            break
    return level > 0


def line_id(found: Found, source_file: str, repetitions: dict[bytes, int]) -> bytes:
    """Return the id of a line, as docs/collector.md says; `repetitions` counts the lines without uuid of its file."""
    value = found.value or {}
    fingerprint = blake2b(found.raw, digest_size=16).digest()
    session, uuid = (name if isinstance(name, str) else "" for name in (value.get("sessionId"), value.get("uuid")))
    parts = [_bytes(session or stem(source_file)), _bytes(uuid), fingerprint]
    if not uuid:
        repetition = repetitions.get(fingerprint, 0)
        repetitions[fingerprint] = repetition + 1
        parts.append(b"%d" % repetition)
    return blake2b(b"".join(b"%d:%b" % (len(part), part) for part in parts), digest_size=16).digest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def whole(text: str) -> str:
    """Return a text that is valid for databases: half a surrogate pair, from a cut emoji, becomes U+FFFD."""
    return text if text.isascii() else _HALF_PAIR.sub("\ufffd", text)
