"""Reads one transcript from where the last pass stopped: complete lines only, in the file's order.

Repetitions of a line without uuid are distinguished by their number within the file, so a reader needs the fingerprints
of all earlier such lines. A `Reading` holds them; if it is lost, it is rebuilt from the file, which also shows whether
the file still begins with the bytes read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as attribute
from hashlib import blake2b
from typing import BinaryIO

from records.lines import Line, fingerprint, parse, strip, uuid_of

_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line, its offset in the file, and how many byte-identical ones without uuid precede it there."""

    line: Line
    fingerprint: bytes
    byte_offset: int
    repetition: int


@dataclass(frozen=True, slots=True)
class PhysicalLine:
    """The lines between two line ends."""

    lines: list[ReadLine]
    size: int
    """Bytes, line end included."""
    is_split: bool
    """Whether the physical line holds more or less than one object or piece of text."""
    gaps: list[tuple[int, bytes]]
    """Bytes that belong to no line, by their offset in the file, other than one line feed after a line."""


def _new_digest() -> "blake2b":
    return blake2b(digest_size=16)


@dataclass(slots=True)
class Reading:
    """The part of a file that has been read."""

    offset: int = 0
    tail: bytes = b""
    """The last bytes read, to check cheaply that the file still has them."""
    _digest: "blake2b" = attribute(default_factory=_new_digest)
    _seen: dict[bytes, int] = attribute(default_factory=dict)

    @property
    def digest(self) -> str:
        """The digest of all bytes read."""
        return self._digest.copy().hexdigest()

    @property
    def weight(self) -> int:
        """The cost of keeping this, in fingerprints; the tail and the digest are included."""
        return len(self._seen) + 64

    @property
    def stands_within_line(self) -> bool:
        """Whether the next bytes continue a line that was read without its line end."""
        return bool(self.tail) and not self.tail.endswith(b"\n")

    def advance(self, physical: bytes) -> None:
        """Count these bytes as read."""
        self._digest.update(physical)
        self.offset += len(physical)
        self.tail = (self.tail + physical[-_TAIL_BYTES:])[-_TAIL_BYTES:]

    def count(self, print_: bytes) -> int:
        """Return how many lines with this fingerprint came before, and count this one."""
        before = self._seen.get(print_, 0)
        self._seen[print_] = before + 1
        return before

    def still_there(self, file: BinaryIO) -> bool:
        """Return whether the file still has the last bytes read, at the same offset."""
        file.seek(self.offset - len(self.tail))
        return file.read(len(self.tail)) == self.tail


def read(reading: Reading, file: BinaryIO, end: int, longest: int | None = None) -> Iterator[PhysicalLine]:
    """Yield the lines from the reading's position to this byte of the file.

    Raises OSError at a line that is longer than `longest`; the reading stays before it.

    A last line without line end is read only if it is complete JSON; its line end adds nothing later. The reading is
    at each line's end when the line is yielded.
    """
    file.seek(reading.offset)
    while reading.offset < end:
        physical = file.readline(end - reading.offset)
        if longest is not None and len(physical) > longest:
            raise OSError(0, f"a line of {len(physical):,} bytes: the receiver accepts at most {longest:,}")
        lines = parse(physical)
        if not physical or (not physical.endswith(b"\n") and not _is_complete(lines)):
            return
        start, continues = reading.offset, reading.stands_within_line
        reading.advance(physical)
        located = [_locate(reading, line, start) for line in lines]
        gaps = [] if _is_plain(physical, lines) else list(_gaps(physical, lines, start))
        size, physical, lines = len(physical), b"", []  # so that a long line is not in memory twice while it is stored
        yield PhysicalLine(located, size, is_split=len(located) > 1 or (continues and bool(located)), gaps=gaps)


def _is_plain(physical: bytes, lines: list[Line]) -> bool:
    """Return whether there is one line and nothing around it but a line feed."""
    if len(lines) != 1 or lines[0].start:
        return False
    rest = len(physical) - len(lines[0].raw)
    return rest == 0 or (rest == 1 and physical.endswith(b"\n"))


def _gaps(physical: bytes, lines: list[Line], start: int) -> Iterator[tuple[int, bytes]]:
    position = 0
    for line in lines:
        if line.start > position:
            yield start + position, physical[position : line.start]
        position = line.start + len(line.raw)
    if position < len(physical):
        yield start + position, physical[position:]


def _is_complete(lines: list[Line]) -> bool:
    return bool(lines) and all(line.value is not None for line in lines)


def _locate(reading: Reading, line: Line, start: int) -> ReadLine:
    print_ = fingerprint(line.raw)
    return ReadLine(line, print_, start + line.start, 0 if uuid_of(line.value) else reading.count(print_))


def retrace(file: BinaryIO, end: int, digest: str, *, split_lines: bool) -> Reading | None:
    """Return the reading of the first bytes of a file, or None if their digest has changed.

    Lines are parsed only if they may have a uuid, or if some of them did not hold exactly one object.
    """
    reading = Reading()
    file.seek(0)
    while reading.offset < end:
        physical = file.readline(end - reading.offset)
        if not physical:
            return None
        reading.advance(physical)
        for raw in _without_uuid(physical, parse_all=split_lines):
            reading.count(fingerprint(raw))
    return reading if reading.digest == digest else None


def _without_uuid(physical: bytes, *, parse_all: bool) -> Iterator[bytes]:
    """Yield the lines without uuid in a physical line."""
    if parse_all or b'"uuid"' in physical:
        yield from (line.raw for line in parse(physical) if not uuid_of(line.value))
    elif raw := strip(physical)[0]:
        yield raw
