"""Damages transcript lines in every way that we could think of, the same way for the same seed.

A value that JSON has no Python object for (NaN, 1e400, half a surrogate pair, a key twice) is put in as text: a marker
stands for it until the line is written.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from tests.faults.odd_values import KEYS, ODD_BYTES, ODD_TEXTS, TIMES, VALUES

_MARKER = re.compile(r'"\\u0001(\d+)\\u0001"')
_MOST_CHANGES = 4

Place = tuple[Any, Any]
"""A container of a line, and a key or an index in it."""


class Mutator:
    """Makes damaged lines out of valid ones."""

    def __init__(self, random: Random, lines: list[bytes]) -> None:
        self.random, self.lines = random, lines

    def line(self) -> bytes:
        """Return one damaged line; it may hold line ends."""
        line = self.random.choice(self.lines)
        if self.random.random() < 0.75:
            line = self._values(line)
        if self.random.random() < 0.35:
            line = self._bytes(line)
        return line

    def content(self, count: int) -> bytes:
        """Return a file of about so many damaged lines: shuffled, repeated, with valid ones between."""
        lines = [self.line() if self.random.random() < 0.7 else self.random.choice(self.lines) for _ in range(count)]
        for _ in range(self.random.randrange(3)):
            lines.insert(self.random.randrange(len(lines)), self.random.choice(lines))
        if self.random.random() < 0.5:
            self.random.shuffle(lines)
        end = self.random.choice([b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b"\n\0\0"])
        start = self.random.choice([b"", b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\0" * 100])
        return start + end.join(lines) + self.random.choice([b"\n", b"", b"\r"])

    # JSON

    def _values(self, line: bytes) -> bytes:
        value = json.loads(line)
        written: list[str] = []
        for _ in range(self.random.choice([1, 1, 1, 2, _MOST_CHANGES])):
            self._change(value, written)
        return _text(value, written, self.random.choice([(",", ":"), (",", ":"), (" , ", "  :\t")]))

    def _change(self, value: Any, written: list[str]) -> None:
        places = list(_places(value))
        if not places:
            return
        container, key = self.random.choice(places)
        match self.random.randrange(6):
            case 0:  # another value of the line: an object where a text was, a text where a list was
                other, name = self.random.choice(places)
                container[key] = copy.deepcopy(other[name])
            case 1:
                del container[key]
            case 2 if isinstance(container, dict):
                container[self.random.choice(KEYS)] = self._odd(key, written)
            case _:
                container[key] = self._odd(key, written)

    def _odd(self, key: Any, written: list[str]) -> str:
        """Return a marker for an odd value; moments are put where moments are."""
        is_time = isinstance(key, str) and "time" in key.lower() and self.random.random() < 0.8
        odd = self.random.choice(TIMES if is_time else VALUES)
        written.append(odd() if callable(odd) else odd)
        return f"\x01{len(written) - 1}\x01"

    # Bytes

    def _bytes(self, line: bytes) -> bytes:
        ways: list[Callable[[bytes], bytes]] = [
            self._flipped, self._cut, self._inserted, self._inserted, self._doubled, self._respelt, self._padded,
        ]  # fmt: skip
        return self.random.choice(ways)(line)

    def _flipped(self, line: bytes) -> bytes:
        damaged = bytearray(line)
        for _ in range(self.random.choice([1, 1, 3, 30])):
            damaged[self.random.randrange(len(damaged))] = self.random.randrange(256)
        return bytes(damaged)

    def _cut(self, line: bytes) -> bytes:
        start, end = sorted(self.random.randrange(len(line) + 1) for _ in range(2))
        return self.random.choice([line[:end], line[start:], line[:start] + line[end:]])

    def _inserted(self, line: bytes) -> bytes:
        at = self.random.randrange(len(line) + 1)
        return line[:at] + self.random.choice(ODD_BYTES) + line[at:]

    def _doubled(self, line: bytes) -> bytes:
        other = self.random.choice(self.lines)
        return line + self.random.choice([b"", b" ", b",", b"\0", other[: len(other) // 2]]) + other

    def _respelt(self, line: bytes) -> bytes:
        """Replace a piece of text by an escape or a half of one."""
        at = self.random.randrange(len(line) + 1)
        return line[:at] + self.random.choice(ODD_TEXTS).encode() + line[at + 1 :]

    def _padded(self, line: bytes) -> bytes:
        padding = self.random.choice([b" ", b"\t", b"\0", b"\r", b"\xef\xbb\xbf"]) * self.random.choice([1, 50, 5_000])
        return self.random.choice([padding + line, line + padding, line.replace(b",", b"," + padding[:50], 2)])


def _places(value: Any) -> Iterator[Place]:
    """Yield every place of a line that holds a value."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from _places(value[key])


def _text(value: Any, written: list[str], separators: tuple[str, str]) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=separators)
    whole = _MARKER.sub(lambda found: written[int(found[1])], text)
    return whole.encode("utf-8", "surrogatepass")
