"""Marks of what was forgotten on request: keyed hashes, enough to refuse it from any source, without its content.

A mark identifies a line, a session (all its lines, including future ones), or a version of a file of which every line
was refused, so that it is not read again. The key is stored with the requests: everything that writes lines has to
check them. This program never removes marks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from common.transcript_files import label_of
from records.file_state import FILE, FileState, as_utc

LINE, SESSION, FILE_AS_IT_WAS = "line", "session", "file"
TEXT = "text"
"""The kind of request by which texts expire: it has no marks."""
_SUFFIXES = (".gz", ".jsonl", ".meta.json")


@dataclass(frozen=True)
class ForgetRequest:
    """One request to forget, as stored in the log."""

    id: str
    kind: str
    """`session`, `project`, `host`, `before` or `text`."""
    subject: str
    """A keyed hash of the request's argument."""
    asked_by: str
    asked_at: datetime
    reason: str | None
    key: str
    """The key of the marks, in hexadecimal."""
    counts: dict[str, float] = field(default_factory=dict)
    finished_at: datetime | None = None
    proof: str | None = None
    """What the final search covered, and that it found nothing."""

    def finished(self, proof: str) -> "ForgetRequest":
        """Return the request as completed."""
        return replace(self, finished_at=datetime.now(UTC), proof=proof)

    def to_document(self) -> dict[str, Any]:
        """Return the request for a record store, a backup or Iceberg."""
        return {
            "id": self.id,
            "kind": self.kind,
            "subject": self.subject,
            "askedBy": self.asked_by,
            "askedAt": self.asked_at.isoformat(),
            "reason": self.reason,
            "key": self.key,
            "counts": self.counts,
            "finishedAt": self.finished_at.isoformat() if self.finished_at else None,
            "proof": self.proof,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "ForgetRequest":
        """Parse such a document."""
        return cls(
            id=document["id"],
            kind=document["kind"],
            subject=document["subject"],
            asked_by=document["askedBy"],
            asked_at=as_utc(document["askedAt"]) or datetime.now(UTC),
            reason=document["reason"],
            key=document["key"],
            counts=document["counts"],
            finished_at=as_utc(document["finishedAt"]),
            proof=document["proof"],
        )


class Mark(NamedTuple):
    """A keyed hash, and the id of its request."""

    mark: str
    request_id: str


class Origin(NamedTuple):
    """The fields that decide whether a line is forgotten."""

    line_id: str
    session_id: str | None
    source_file: str | None


def mark_of(key: str, kind: str, name: str) -> str:
    """Return the mark of a line, a session or a file."""
    content = f"{kind}\0{name}".encode("utf-8", "surrogatepass")
    return blake2b(content, key=bytes.fromhex(key), digest_size=16).hexdigest()


def sessions_of(source_file: str | None) -> set[str]:
    """Return the possible session ids in a file's path: the file's name, or a folder above it."""
    path = PurePosixPath(source_file or "")
    if not source_file or ".." in path.parts:
        return set()
    name = path.name
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return {name, *path.parts[1:-1]} - {"", "subagents"}


def line_marks(keys: Iterable[str], origin: Origin) -> list[str]:
    """Return the marks of which any one refuses this line; a line without a session belongs to its file's."""
    sessions = {origin.session_id} if origin.session_id else sessions_of(origin.source_file)
    named = [(LINE, origin.line_id), *((SESSION, session) for session in sessions)]
    return [mark_of(key, kind, name) for key in keys for kind, name in named]


def session_marks(keys: Iterable[str], source_file: str) -> list[str]:
    """Return the marks of which any one refuses every line of this file."""
    return [mark_of(key, SESSION, session) for key in keys for session in sessions_of(source_file)]


def file_name(state: FileState) -> str:
    """Return the text that marks a version of a file: its name without its transcripts directory, size and time."""
    return f"{state.source_file.removeprefix(label_of(state.source_file))}\0{state.size}\0{state.mtime_ns}"


def file_marks(keys: Iterable[str], state: FileState) -> list[str]:
    """Return the marks of which any one makes reading this file unnecessary."""
    if state.kind != FILE:
        return []
    keys = list(keys)
    return [
        *session_marks(keys, state.source_file),
        *(mark_of(key, FILE_AS_IT_WAS, file_name(state)) for key in keys),
    ]


def keys_of(requests: Sequence[ForgetRequest]) -> tuple[str, ...]:
    """Return the keys of the marks: one, unless several record stores were merged."""
    return tuple(dict.fromkeys(request.key for request in requests if request.kind != TEXT))
