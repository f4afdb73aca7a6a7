"""A transcript's layout: what its stored lines lack to restore the file byte for byte.

A file is its lines, each at its offset and ended by one line feed. A layout stores only the differences: bytes around
lines, lines that are stored under another place (they are repeated, or were copied from another file), all lines of a
file that was rewritten, and a sub-agent's note as Claude Code wrote it. Most files have none.
"""

import base64
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from common.chunks import chunks
from records.file_state import FileState

_PART_BYTES = 4 * 1024 * 1024
_PART_LINES = 20_000
_LARGEST = 12 * 1024 * 1024
"""A size that a MongoDB document surely accepts. Only a sub-agent's note of random bytes is larger; it is not kept."""
WHOLE = -1
"""Instead of an offset: the part is about the whole file."""
_MASKED = -2
"""Minus an offset: the part is about masked lines, and a part of the same lines' ids may begin at that offset."""


@dataclass(frozen=True, slots=True)
class LayoutPart:
    """A part of one file's layout, packed for the record store."""

    host: str
    source_file: str
    version: int
    """How often the file had been rewritten: `FileState.resets`."""
    byte_offset: int
    """The first entry's offset; a rewritten part replaces the one with the same offset."""
    content: bytes

    @property
    def id(self) -> str:
        """The `_id` in `transcript_layouts`, unlike every other part's."""
        return f"{self.host}:{self.source_file}:{self.version}:{self.byte_offset}"


@dataclass(slots=True)
class Layout:
    """The layout of one file."""

    lines: dict[int, str] = field(default_factory=dict)
    """The ids of lines by their offset."""
    gaps: dict[int, bytes] = field(default_factory=dict)
    """Bytes that belong to no line, by their offset."""
    masked: dict[int, int] = field(default_factory=dict)
    """The lengths of lines whose secrets were masked before storing, by their offset."""
    whole: bytes | None = None
    """A sub-agent's note as it was read; the line made from it has different bytes."""

    def add_gap(self, byte_offset: int, content: bytes) -> None:
        """Add bytes between lines; of two readings at the same offset the longer one is kept."""
        if len(content) >= len(self.gaps.get(byte_offset, b"")):
            self.gaps[byte_offset] = content

    def parts(self, state: FileState) -> Iterator[LayoutPart]:
        """Yield the layout as parts for the record store; nothing if it is empty."""
        for lines in chunks(self.lines.items(), _PART_LINES):
            yield _part(state, lines[0][0], {"lines": lines})
        for masked in chunks(self.masked.items(), _PART_LINES):
            yield _part(state, _MASKED - masked[0][0], {"masked": masked})
        for gaps in chunks(self._pieces(), _PART_BYTES, weight=lambda piece: len(piece[1]) + 16):
            yield _part(state, gaps[0][0], {"gaps": [(offset, _text(gap)) for offset, gap in gaps]})
        if self.whole is not None:
            part = _part(state, WHOLE, {"whole": base64.b64encode(self.whole).decode()})
            if len(part.content) <= _LARGEST:
                yield part

    def _pieces(self) -> Iterator[tuple[int, bytes]]:
        for offset, content in self.gaps.items():
            for start in range(0, len(content), _PART_BYTES):
                yield offset + start, content[start : start + _PART_BYTES]


def read_layout(parts: Iterable[LayoutPart]) -> Layout:
    """Assemble the layout of one version of one file."""
    layout = Layout()
    for part in parts:
        kept = orjson.loads(zlib.decompress(part.content))
        layout.lines |= {int(offset): line_id for offset, line_id in kept.get("lines", [])}
        layout.masked |= {int(offset): length for offset, length in kept.get("masked", [])}
        for offset, text in kept.get("gaps", []):
            layout.add_gap(int(offset), text.encode("latin-1"))
        if "whole" in kept:
            layout.whole = base64.b64decode(kept["whole"])
    return layout


def _part(state: FileState, byte_offset: int, content: object) -> LayoutPart:
    return LayoutPart(state.host, state.source_file, state.resets, byte_offset, zlib.compress(orjson.dumps(content)))


def _text(gap: bytes) -> str:
    """Return bytes as text, one character per byte, so that JSON accepts any bytes."""
    return gap.decode("latin-1")
