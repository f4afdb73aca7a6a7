"""Lines of the sample as templates: ids, times and texts are gaps that every copy fills with its own.

A copy thus counts as new sessions, responses and tool calls, and no store can keep its texts once for all copies. The
texts are as long as those of real histories, where what tools print makes more than half of all bytes.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from bench.pool import Pool

SCREENSHOT_SHARE = 0.002
"""Of the tool results."""
_LONGEST_OUTPUT = 30_000
_PNG = "iVBORw0KGgoAAAANSUhEUgAA"
_VARIED = frozenset(
    ("text", "thinking", "content", "stdout", "old_string", "new_string", "oldString", "newString", "originalFile")
)
_MEANT = ("<", "[", "This session", "http", "Exit code", "Command running", "Error:")
"""Prefixes of texts that the dbt models interpret; these texts are not replaced."""
_GAP = re.compile(
    rb"@@(?P<kind>[tp])(?P<number>\d+):(?P<length>\d+)@@"
    rb'|(?<="timestamp":")(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z)'
    rb"|(?:(?<=toolu_01)|(?<=msg_01)|(?<=req_01)|(?<![-\w]))(?P<id>[0-9a-f]{8})(?=-|[0-9a-f]{20}|\b)"
    rb"|(?<=\ba)(?P<agent>[0-9a-f]{7})\b"
)


@dataclass(frozen=True)
class Copy:
    """What tells one copy of the sample from the others."""

    number: int
    shift: timedelta
    pool: Pool
    session: int | None = None
    """The copy whose session ids are used, where several copies are to be one session."""

    def key(self, *, session: bool) -> int:
        """Return the number that ids are mixed with."""
        number = self.session if session and self.session is not None else self.number
        return number * 0x9E3779B1 & 0xFFFFFFFF


@dataclass(frozen=True)
class Template:
    """One line, or one file's name, with its gaps by kind: the places in `parts`, and what belongs there."""

    parts: list[bytes]
    ids: list[tuple[int, int, bool]]
    agents: list[tuple[int, int]]
    times: list[tuple[int, datetime]]
    texts: list[tuple[tuple[int, ...], int, bool]]

    @classmethod
    def of(cls, text: bytes, session: int) -> "Template":
        """Cut a text at its gaps. `session` is the beginning of the session's id."""
        template, texts, end = cls([], [], [], [], []), dict[bytes, list[int]](), 0
        for gap in _GAP.finditer(text):
            template.parts.extend((text[end : gap.start()], b""))
            template._note(gap, len(template.parts) - 1, session, texts)
            end = gap.end()
        template.parts.append(text[end:])
        for marker, places in texts.items():
            kind, length = marker[2:3], int(marker[3:-2].split(b":")[1])
            template.texts.append((tuple(places), length, kind == b"p"))
        return template

    def _note(self, gap: re.Match[bytes], place: int, session: int, texts: dict[bytes, list[int]]) -> None:
        if gap["kind"]:
            texts.setdefault(gap[0], []).append(place)
        elif gap["time"]:
            self.times.append((place, datetime.fromisoformat(gap["time"].decode())))
        elif gap["id"]:
            value = int(gap["id"], 16)
            self.ids.append((place, value, value == session))
        else:
            self.agents.append((place, int(gap["agent"], 16)))

    def fill(self, copy: Copy) -> bytes:
        """Return the line of this copy."""
        parts = self.parts.copy()
        for place, value, is_session in self.ids:
            parts[place] = b"%08x" % (value ^ copy.key(session=is_session))
        for place, value in self.agents:
            parts[place] = b"%07x" % (value ^ copy.key(session=False) & 0xFFFFFFF)
        for place, moment in self.times:
            parts[place] = (moment + copy.shift).isoformat(timespec="milliseconds")[:-6].encode() + b"Z"
        for places, length, is_picture in self.texts:
            taken = copy.pool.picture(length) if is_picture else copy.pool.text(length)
            for place in places:
                parts[place] = taken
        return b"".join(parts)


@dataclass(frozen=True)
class SessionTemplate:
    """A session: its transcript, those of its sub-agents, and the notes beside them."""

    files: list[tuple[Template, list[Template]]]
    notes: list[tuple[Template, Template]]
    starts: datetime
    ends: datetime


def session_templates(folder: Path, random: Random) -> list[SessionTemplate]:
    """Read a generated sample; the same random numbers give the same templates. Damaged lines are left out."""
    return [_session(folder, path, random) for path in sorted(folder.glob("*/*.jsonl"))]


def _session(folder: Path, path: Path, random: Random) -> SessionTemplate:
    session = int(path.stem[:8], 16)
    beside = sorted(path.with_suffix("").glob("subagents/*"))
    paths = [path, *(file for file in beside if file.suffix == ".jsonl")]

    def name(file: Path) -> Template:
        return Template.of(file.relative_to(folder).as_posix().encode(), session)

    files = [(name(path), [Template.of(line, session) for line in _lines(path, random)]) for path in paths]
    notes = [(name(path), Template.of(path.read_bytes(), session)) for path in beside if path.suffix == ".json"]
    moments = [moment for _, lines in files for line in lines for _, moment in line.times]
    return SessionTemplate(files, notes, min(moments), max(moments))


def _lines(path: Path, random: Random) -> Iterator[bytes]:
    for raw in path.read_bytes().splitlines():
        try:
            line = json.loads(raw)
        except ValueError:
            continue
        if isinstance(line, dict):
            _with_gaps(line, random)
            yield json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _with_gaps(line: dict[str, Any], random: Random) -> None:
    gaps: dict[str, str] = {}
    message = line.get("message", {})
    blocks = message.get("content", []) if isinstance(message.get("content"), list) else []
    result = line.get("toolUseResult")
    for block in blocks:
        if block["type"] == "tool_result" and isinstance(result, dict):
            _enlarge(block, result, gaps, random)
    _vary(line, gaps)


def _enlarge(block: dict[str, Any], result: dict[str, Any], gaps: dict[str, str], random: Random) -> None:
    """Give a tool's output the length that real ones have; now and then it is a screenshot."""
    shown = block["content"]
    if not isinstance(shown, str) or shown.startswith(_MEANT) or "gitOperation" in result:
        return
    if "structuredPatch" in result:
        result["originalFile"] = "original"
        gaps["original"] = _gap(gaps, "t", int(random.lognormvariate(8.6, 1.1)))
    elif random.random() < SCREENSHOT_SHARE:
        data = _PNG + _gap(gaps, "p", random.randrange(40_000, 250_000, 4))
        source = {"type": "base64", "media_type": "image/png", "data": data}
        block["content"] = [{"type": "image", "source": source}]
        result.clear()
        result.update({"type": "image", "file": {"base64": data, "type": "image/png", "originalSize": len(data)}})
    else:
        gaps[shown] = _gap(gaps, "t", int(random.lognormvariate(7.1, 1.5)))


def _gap(gaps: dict[str, str], kind: str, length: int) -> str:
    limit = length if kind == "p" else min(_LONGEST_OUTPUT, length)
    return f"@@{kind}{len(gaps)}:{max(1, limit)}@@"


def _vary(value: Any, gaps: dict[str, str]) -> None:
    for key, inner in list(value.items()) if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict | list):
            _vary(inner, gaps)
        elif isinstance(inner, str) and key in _VARIED:
            if inner not in gaps and len(inner) > 20 and not inner.startswith((*_MEANT, "@@")):
                gaps[inner] = _gap(gaps, "t", len(inner))
            value[key] = gaps.get(inner, inner)
