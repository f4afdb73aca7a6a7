"""One physical line of a transcript -> the JSON objects in it, and their ids.

A line normally contains one object. If a crash or two writers put several on one line, each counts as a separate line,
so that the result never depends on how far the file was written when it was read. Anything that is not a JSON object
is kept unchanged with the reason. Nothing here touches a file or a database.
"""

import json
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

BOM = b"\xef\xbb\xbf"
_PADDING = re.compile("[ \t\r\n\0\ufeff]*")
_LEADING = re.compile(rb"(?:[ \t\r\n\0]|\xef\xbb\xbf)*")
_TRAILING = re.compile(rb"(?:[ \t\r\n\0]|\xbf\xbb\xef)*")  # of a line read backwards, so that it takes linear time
_64_BITS = range(-(2**63), 2**64)
_LONGEST_INTEGER = 25  # digits; int() of a hostile million digits would take minutes
MOST_LEVELS = 1024
"""How deep arrays and objects may be nested: as deep as orjson reads."""
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_TOO_DEEP = f"nested more than {MOST_LEVELS} levels deep"
_LEVELS_WITHOUT_CARE, _STACK_FRAMES = 256, 4 * MOST_LEVELS


@dataclass(frozen=True, slots=True)
class Line:
    """One JSON object of a transcript, or a piece of text that is not one."""

    raw: bytes
    """The exact bytes, without byte order mark, line end, blanks and NULs around them."""
    start: int
    """Their offset in the physical line."""
    value: dict[str, Any] | None
    """The object, or None if the text could not be parsed."""
    reason: str | None = None
    """Without an object: the reason. With one: what in it is not strict JSON, if anything."""


def strip(physical: bytes) -> tuple[bytes, int]:
    """Return the line without surrounding blanks, and how many bytes were removed from its front."""
    found = _LEADING.match(physical)
    start = found.end() if found else 0
    raw = physical[start:].rstrip(b" \t\r\n\0")
    if raw.endswith(BOM) and (mirrored := _TRAILING.match(raw[::-1])):
        raw = raw[: -mirrored.end()]
    return raw, start


def parse(physical: bytes) -> list[Line]:
    """Return the lines in one physical line: none if it is blank, several if it has several objects."""
    raw, start = strip(physical)
    if not raw:
        return []
    try:
        value = orjson.loads(raw)
    except ValueError:
        return list(_parse_slowly(raw, start))
    if not isinstance(value, dict):
        return list(_parse_slowly(raw, start))
    return [Line(raw, start, value)]


def _parse_slowly(raw: bytes, start: int) -> Iterator[Line]:
    """Read object by object. The first part that is not an object rejects the rest of the line."""
    text = raw.decode("utf-8", "surrogateescape")
    decoder = _Decoder(counts_levels=_makes_room(text))
    position, left = 0, len(raw)
    while position < len(text):
        value, end, reason = decoder.decode(text, position)
        # so that the rest of a long line is not in memory a third and a fourth time
        piece = raw[len(raw) - left :] if end == len(text) else _bytes(text[position:end])
        yield Line(piece, start, value, reason)
        position = _after_padding(text, end)
        consumed = len(piece) + len(_bytes(text[end:position]))
        start, left = start + consumed, left - consumed


def _after_padding(text: str, position: int) -> int:
    found = _PADDING.match(text, position)
    return found.end() if found else position


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _makes_room(text: str) -> bool:
    """Return whether a text may be nested too deeply, and give Python's decoder the stack frames to read it.

    Without them, the readable depth depends on the depth of the call, so that a line is not always read the same way.
    """
    may_be_deep = text.count("[") + text.count("{") > _LEVELS_WITHOUT_CARE
    if may_be_deep:
        sys.setrecursionlimit(max(_STACK_FRAMES, sys.getrecursionlimit()))
    return may_be_deep


def _is_too_deep(text: str, position: int) -> bool:
    level = 0
    for bracket in _BRACKETS.finditer(text, position):
        level += (bracket[0] in "[{") - (bracket[0] in "]}")
        if level > MOST_LEVELS or not level:
            break
    return level > MOST_LEVELS


class _Decoder:
    """The standard library's decoder, which reads what orjson rejects and records what it found."""

    def __init__(self, *, counts_levels: bool) -> None:
        self._counts_levels = counts_levels
        self._met: list[str] = []
        self._decoder = json.JSONDecoder(
            parse_int=self._integer, parse_float=self._float, parse_constant=self._constant
        )

    def decode(self, text: str, position: int) -> tuple[dict[str, Any] | None, int, str | None]:
        """Return the object at this position, its end, and a reason as in `Line`."""
        self._met.clear()
        if self._counts_levels and _is_too_deep(text, position):
            return None, len(text), _TOO_DEEP
        try:
            value, end = self._decoder.raw_decode(text, position)
        except RecursionError:
            return None, len(text), _TOO_DEEP
        except json.JSONDecodeError as error:
            return None, len(text), f"not JSON: {error.msg} at character {error.pos - position}"
        if not isinstance(value, dict):
            return None, len(text), f"expected a JSON object, found {_kind(value)}"
        return value, end, self._met[0] if self._met else None

    def _integer(self, digits: str) -> float:
        """Read an integer as orjson does: exactly within 64 bits, signed or not, else as a double."""
        if len(digits) <= _LONGEST_INTEGER and (number := int(digits)) in _64_BITS:
            return number
        return self._float(digits)

    def _float(self, digits: str) -> float:
        number = float(digits)
        if math.isinf(number):
            self._met.append("number beyond a double")
        return number

    def _constant(self, name: str) -> float:
        self._met.append(f"{name} is not a JSON number")
        return float(name)


def _kind(value: object) -> str:
    names: dict[type, str] = {str: "a string", list: "an array", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def text_of(value: object) -> str | None:
    """Return a text field, with half surrogate pairs replaced for databases; None if it is not text."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def session_of(value: dict[str, Any] | None, stem: str) -> str:
    """Return the session of a line: its own field, or the name of its file."""
    session = value.get("sessionId") if value else None
    return session if isinstance(session, str) and session else stem


def uuid_of(value: dict[str, Any] | None) -> str | None:
    """Return the uuid of a line, or None. Without one, each byte-identical repetition in a file counts."""
    uuid = value.get("uuid") if value else None
    return uuid if isinstance(uuid, str) and uuid else None


def fingerprint(raw: bytes) -> bytes:
    """Return the fingerprint of a line's bytes."""
    return blake2b(raw, digest_size=16).digest()


def identity(line: Line, print_: bytes, stem: str, repetition: int) -> str:
    """Return the `_id` of a line: the same whenever it is read again, also if its file has moved.

    `repetition` is how many byte-identical lines precede it in the file; a line with a uuid is the same line
    however often it is repeated.
    """
    uuid = uuid_of(line.value)
    parts = [_clean(session_of(line.value, stem)), _clean(uuid or ""), print_]
    if uuid is None:
        parts.append(b"%d" % repetition)
    return blake2b(b"".join(b"%d:%b" % (len(part), part) for part in parts), digest_size=16).hexdigest()


def _clean(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
