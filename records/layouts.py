"""What a transcript's lines do not tell of it, kept so that the file can be written again byte for byte.

A file is its lines, each at its offset and ended by one line feed. Kept here is only what differs: bytes around lines,
lines that are stored under another place (they are repeated, or were copied from another file), all lines of a file
that was rewritten, and a sub-agent's note as Claude Code wrote it. Most files need none of it.
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
"""What a document of MongoDB surely takes. Only a sub-agent's note of random bytes could be larger; it is not kept."""
WHOLE = -1
"""Instead of an offset: the part stands for the file."""
_MASKED = -2
"""Less an offset: the part tells of masked lines, and a part of the same lines' ids may begin at that offset."""


@dataclass(frozen=True, slots=True)
class LayoutPart:
    """Some of what is kept of one file, packed as the record store holds it."""

    host: str
    source_file: str
    version: int
    """How often the file had been rewritten: `FileState.resets`."""
    byte_offset: int
    """Of the first entry; a part that is written again replaces the one with the same offset."""
    content: bytes

    @property
    def id(self) -> str:
        """The `_id` in `transcript_layouts`, unlike every other part's."""
        return f"{self.host}:{self.source_file}:{self.version}:{self.byte_offset}"


@dataclass(slots=True)
class Layout:
    """What is kept of one file."""

    lines: dict[int, str] = field(default_factory=dict)
    """The ids of lines by their offset."""
    gaps: dict[int, bytes] = field(default_factory=dict)
    """Bytes that belong to no line by their offset."""
    masked: dict[int, int] = field(default_factory=dict)
    """How long lines were, by their offset, whose secrets were masked before they were stored."""
    whole: bytes | None = None
    """A sub-agent's note as it was read; the line made of it is another text."""

    def add_gap(self, byte_offset: int, content: bytes) -> None:
        """Keep bytes between lines; of two readings of the same place the longer one holds."""
        if len(content) >= len(self.gaps.get(byte_offset, b"")):
            self.gaps[byte_offset] = content

    def parts(self, state: FileState) -> Iterator[LayoutPart]:
        """Yield all of this as parts that the record store takes; nothing where nothing is to be kept."""
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
    """Put together what is kept of one version of one file."""
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
    """Return bytes as text, a character a byte: JSON takes it whatever they are."""
    return gap.decode("latin-1")
