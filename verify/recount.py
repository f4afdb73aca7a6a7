"""Counts tokens, sessions and tool calls straight from transcript files, for `verify` to compare with.

Shares no code with the pipeline on purpose, so that an error there is not repeated here: a reader of its own, Python's
own JSON, and the counting rules of docs/counting.md written down a second time.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
NO_TIME = datetime.max.replace(tzinfo=UTC)
"""Sorts behind every time there is."""

_AROUND = b" \t\r\n\0"
_BOM = b"\xef\xbb\xbf"
_BETWEEN = re.compile("[ \t\r\n\0\ufeff]*")
_SAFE_INTEGER = 25

Json = dict[str, Any]


@dataclass(slots=True)
class Copies:
    """The lines of one response within one session."""

    first: tuple[bool, str, datetime, int]
    """Sub-agent or not, file, time and place of the line that goes before the others."""
    model: str
    started: datetime


@dataclass(slots=True)
class Response:
    """One API response: the field-wise maximum of its lines, and who holds it."""

    tokens: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOKENS, 0))
    copies: dict[tuple[bool, str], Copies] = field(default_factory=dict)
    """By replay or not, and session."""


@dataclass(slots=True)
class Recount:
    """Everything that was counted."""

    responses: dict[str, Response] = field(default_factory=dict)
    """By message id; a line without one by a text that starts with a blank, which no id does."""
    session_starts: dict[str, datetime] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    tool_calls: set[str] = field(default_factory=set)
    files: int = 0
    lines: int = 0
    malformed: int = 0
    _lines_without_id: set[tuple[str, bytes, int]] = field(default_factory=set)

    def placed(self, response: Response) -> tuple[datetime | None, str]:
        """When a response was given, and by which model: as the session that owns it says."""
        (_, owner), copies = min(
            response.copies.items(),
            key=lambda item: (item[0][0], self.session_starts.get(item[0][1], NO_TIME), *item[1].first),
        )
        in_owner = min(found.started for (_, session), found in response.copies.items() if session == owner)
        started = in_owner if in_owner != NO_TIME else min(found.started for found in response.copies.values())
        return (None if started == NO_TIME else started), copies.model


@dataclass(frozen=True, slots=True)
class _Place:
    source_file: str
    line: int


def transcript_files(roots: Sequence[Path]) -> dict[str, Path]:
    """Return every transcript by its name: relative to its directory, and with a label where that is not the first."""
    found: dict[str, Path] = {}
    real: list[Path] = []
    for root in roots:
        place = root.resolve()
        if any(place == other or other in place.parents for other in real):
            continue
        label = f"~{blake2b(os.fsencode(root), digest_size=3).hexdigest()}/" if real else ""
        found |= {label + name: path for name, path in _files_below(root)}
        real.append(place)
    return dict(sorted(found.items()))


def _files_below(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and path of every transcript below a directory; each folder once, links followed."""
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        about = Path(folder).stat()
        if (about.st_dev, about.st_ino) in seen:
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        folders.sort(key=lambda name: ((Path(folder) / name).is_symlink(), name))
        for path in (Path(folder) / name for name in names if name.endswith(".jsonl")):
            if path.is_file():
                yield path.relative_to(root).as_posix(), path


def count_file(recount: Recount, source_file: str, path: Path, limit: int | None = None) -> None:
    """Add what a transcript holds, or the first `limit` bytes of it.

    A last line without its end counts if it is complete.
    """
    repetitions: Counter[bytes] = Counter()
    recount.files += 1
    for number, physical in enumerate(_physical_lines(path, limit)):
        complete = physical.endswith(b"\n")
        for raw, line in _objects(physical):
            if line is not None:
                digest = sha256(raw).digest()
                repetitions[digest] += 1
                repetition = 0 if line.get("uuid") else repetitions[digest]
                _count_line(recount, line, _Place(source_file, number), digest, repetition)
            recount.lines += line is not None or complete
            recount.malformed += line is None and complete


def _physical_lines(path: Path, limit: int | None) -> Iterator[bytes]:
    with path.open("rb") as file:
        remaining = path.stat().st_size if limit is None else limit
        while remaining > 0 and (physical := file.readline(remaining)):
            remaining -= len(physical)
            yield physical


def _objects(physical: bytes) -> Iterator[tuple[bytes, Json | None]]:
    """The JSON objects of a line, each with its bytes; None stands for the rest of the line that holds none."""
    raw = physical.strip(_AROUND)
    while raw.startswith(_BOM):
        raw = raw[len(_BOM) :].lstrip(_AROUND)
    if not raw:
        return
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        yield raw, value
    else:
        yield from _objects_one_by_one(raw.decode("utf-8", "surrogateescape"))


def _objects_one_by_one(text: str) -> Iterator[tuple[bytes, Json | None]]:
    decoder = json.JSONDecoder(parse_int=lambda digits: int(digits) if len(digits) < _SAFE_INTEGER else 0)
    position = 0
    while position < len(text):
        start = position
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            value, position = None, len(text)
        yield text[start:position].encode("utf-8", "surrogateescape"), value if isinstance(value, dict) else None
        between = _BETWEEN.match(text, position)
        position = between.end() if between else position


def _count_line(recount: Recount, line: Json, place: _Place, digest: bytes, repetition: int) -> None:
    session = _text(line.get("sessionId"))
    inner = _wrapped(line)
    carrier = line if inner is None else inner
    at = _time(carrier.get("timestamp")) or _time(line.get("timestamp"))
    if session:
        recount.sessions.add(session)
        recount.session_starts[session] = min(at or NO_TIME, recount.session_starts.get(session, NO_TIME))
    message = carrier.get("message")
    if not isinstance(message, dict) or (inner is None and line.get("type") not in {"user", "assistant"}):
        return
    recount.tool_calls.update(_tool_calls(message))
    usage, model = message.get("usage"), _text(message.get("model")) or "unknown"
    if carrier.get("type") != "assistant" or not isinstance(usage, dict) or model == "<synthetic>":
        return
    key = _text(message.get("id"))
    if not key:
        identity = (session or Path(place.source_file).stem, digest, repetition)
        if identity in recount._lines_without_id:  # the same line in another copy of its file
            return
        recount._lines_without_id.add(identity)
        key = f" {len(recount._lines_without_id)}"
    response = recount.responses.setdefault(key, Response())
    for name, tokens in _tokens(usage).items():
        response.tokens[name] = max(response.tokens[name], tokens)
    subagent = inner is not None or line.get("isSidechain") is True
    first = (subagent, place.source_file, at or NO_TIME, place.line)
    _add_copy(response, (inner is not None, session or place.source_file), Copies(first, model, at or NO_TIME))


def _add_copy(response: Response, owner: tuple[bool, str], copy: Copies) -> None:
    known = response.copies.get(owner)
    if known is None:
        response.copies[owner] = copy
        return
    if copy.first < known.first:
        known.first, known.model = copy.first, copy.model
    known.started = min(known.started, copy.started)


def _wrapped(line: Json) -> Json | None:
    """The sub-agent's line inside a progress line."""
    data = line.get("data")
    inner = data.get("message") if line.get("type") == "progress" and isinstance(data, dict) else None
    return inner if isinstance(inner, dict) else None


def _tool_calls(message: Json) -> Iterator[str]:
    content = message.get("content")
    for block in content if isinstance(content, list) else [content]:
        if isinstance(block, dict) and block.get("type") == "tool_use" and (call := _text(block.get("id"))):
            yield call


def _tokens(usage: Json) -> dict[str, int]:
    split = usage.get("cache_creation")
    creation = _number(usage.get("cache_creation_input_tokens"))
    if creation is None and isinstance(split, dict):
        kinds = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
        creation = sum(_number(split.get(kind)) or 0 for kind in kinds)
    return {
        "input_tokens": _number(usage.get("input_tokens")) or 0,
        "output_tokens": _number(usage.get("output_tokens")) or 0,
        "cache_read_tokens": _number(usage.get("cache_read_input_tokens")) or 0,
        "cache_creation_tokens": creation or 0,
    }


def _number(value: object) -> int | None:
    try:
        number = round(float(value)) if isinstance(value, str | float) else value
    except (ValueError, OverflowError):
        return None
    return number if isinstance(number, int) and not isinstance(number, bool) and abs(number) < 2**63 else None


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _time(value: object) -> datetime | None:
    if not isinstance(value, str) or value[4:5] != "-":
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
