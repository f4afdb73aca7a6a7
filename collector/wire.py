"""The format of a delivery to the receiver: lines with the states of their files, as BSON in one zstd frame.

Every field is validated here, once: an enrolled machine may be faulty or hostile, and its fields reach the record
store. The host is not among the fields: it is the name that the machine was enrolled under.
"""

from datetime import datetime
from typing import Annotated, Any

import bson
import zstandard
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import AnalyticsError
from records.file_state import DIRECTORY, FILE, MISSING, OFF, OK, UNREADABLE, FileState
from records.layouts import Layout

MAX_BYTES = 128 * 1024 * 1024
"""A delivery before compression. One holds at most 16 MB of lines, or a single line that is longer."""
MAX_BODY = 128 * 1024 * 1024
"""A compressed delivery."""
LONGEST_LINE = 112 * 1024 * 1024
"""A longer line is not sent; its file counts as unreadable and keeps its state."""
_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)

Name = Annotated[str, Field(min_length=1, max_length=65_536, pattern=r"^[^\x00]*$")]
LineId = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Count = Annotated[int, Field(ge=0, lt=2**62)]
Number = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Digest = Annotated[str, Field(pattern="^([0-9a-f]{32})?$")]


class WireError(AnalyticsError):
    """The body is not a valid delivery; the message says why."""


class _Sent(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class SentLine(_Sent):
    """A line; with a reason, a rejected one."""

    line_id: LineId
    source_file: Name
    byte_offset: Count
    raw: bytes
    reason: Annotated[str, Field(max_length=2000)] | None = None


class SentFile(_Sent):
    """The offsets from and up to which a file was read for this delivery."""

    source_file: Name
    root: Name
    kind: Annotated[str, Field(pattern=f"^({FILE}|{DIRECTORY})$")]
    before: tuple[Count, Count]
    """How often the file was rewritten and how far it was read, before this delivery."""
    resets: Count
    read_bytes: Count
    lines: Count
    dead_letters: Count
    split_lines: bool
    digest: Digest
    status: Annotated[str, Field(pattern=f"^({OK}|{MISSING}|{UNREADABLE}|{OFF})$")]
    error: Annotated[str, Field(max_length=2000)] | None
    size: Number
    mtime_ns: Number
    inode: Annotated[str, Field(pattern=r"^-?\d{1,20}$")]
    modified_at: datetime | None

    @classmethod
    def of(cls, state: FileState, before: tuple[int, int]) -> "SentFile":
        """Return a state in the format for sending."""
        taken = cls.model_fields.keys() - {"before", "root", "inode"}
        root = state.root.encode("utf-8", "backslashreplace").decode()
        return cls(before=before, root=root, inode=str(state.inode), **{name: getattr(state, name) for name in taken})

    @property
    def after(self) -> tuple[int, int]:
        """How often the file was rewritten and how far it was read, after this delivery."""
        return self.resets, self.read_bytes

    def state(self, host: str, project_id: str) -> FileState:
        """Return it as the state of a file of this host."""
        facts = self.model_dump(exclude={"before", "inode"})
        return FileState(host=host, project_id=project_id, inode=int(self.inode), **facts)


class SentLayout(_Sent):
    """A part of a file's layout."""

    source_file: Name
    lines: list[tuple[Count, LineId]]
    gaps: list[tuple[Count, bytes]]
    masked: list[tuple[Count, Count]]
    whole: bytes | None

    @classmethod
    def of(cls, source_file: str, layout: Layout) -> "SentLayout":
        """Return a layout as it is sent."""
        return cls(
            source_file=source_file,
            lines=list(layout.lines.items()),
            gaps=list(layout.gaps.items()),
            masked=list(layout.masked.items()),
            whole=layout.whole,
        )

    def layout(self) -> Layout:
        """Return it as the record store's."""
        return Layout(dict(self.lines), dict(self.gaps), dict(self.masked), self.whole)


class Delivery(_Sent):
    """The unit of sending, which is stored before it is acknowledged."""

    lines: list[SentLine] = []
    rejected: list[SentLine] = []
    layouts: list[SentLayout] = []
    files: list[SentFile] = []


def pack(delivery: Delivery) -> bytes:
    """Encode a delivery."""
    return compress(delivery.model_dump())


def unpack(content: bytes) -> Delivery:
    """Decode a delivery. Raises WireError for any invalid input."""
    try:
        return Delivery.model_validate(_as_tuples(decompress(content)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "delivery"
        raise WireError(f"expected a delivery of this version, found: {place}: {first['msg']}") from None


def compress(document: dict[str, Any]) -> bytes:
    """Return a document as BSON in a zstd frame with its content size."""
    return zstandard.ZstdCompressor(level=3).compress(bson.encode(document))


def decompress(content: bytes) -> dict[str, Any]:
    """Return the document of a frame; frames of more than MAX_BYTES of content are not unpacked."""
    try:
        size = zstandard.frame_content_size(content)
        if not 0 <= size <= MAX_BYTES:
            raise WireError(f"expected a zstd frame of at most {MAX_BYTES} bytes that states its size, found {size}")
        unpacked = zstandard.ZstdDecompressor().decompress(content, allow_extra_data=False)
        return bson.decode(unpacked, _CODEC)
    except (zstandard.ZstdError, BSONError, ValueError, OverflowError, RecursionError) as error:
        raise WireError(f"expected BSON in a zstd frame, found none ({type(error).__name__})") from None


def _as_tuples(document: dict[str, Any]) -> dict[str, Any]:
    """Turn the pairs into tuples, which BSON does not have."""
    for sent in _dicts(document.get("files")):
        _pair(sent, "before")
    for sent in _dicts(document.get("layouts")):
        for name in ("lines", "gaps", "masked"):
            if isinstance(pairs := sent.get(name), list):
                sent[name] = [tuple(pair) if isinstance(pair, list) else pair for pair in pairs]
    return document


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _pair(sent: dict[str, Any], name: str) -> None:
    if isinstance(value := sent.get(name), list):
        sent[name] = tuple(value)
