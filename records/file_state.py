"""How far each transcript has been read.

Counters and `read_bytes` change together, with or after the lines they count. A pass that is killed reads the same
bytes again from the last stored state and counts nothing twice.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from common.transcript_files import project_of

OK, MISSING, UNREADABLE = "ok", "missing", "unreadable"
OFF = "off"
"""The status of a transcripts directory with COLLECTOR=off."""
FILE, DIRECTORY = "file", "directory"
_JSON = json.JSONEncoder(default=lambda moment: moment.isoformat())


@dataclass(slots=True)
class FileState:
    """The state of one transcript, or of a directory that could not be read."""

    host: str
    source_file: str
    project_id: str
    root: str
    """The transcripts directory that it was found in: files of another one are not missing from this one."""
    kind: str = FILE
    read_bytes: int = 0
    lines: int = 0
    dead_letters: int = 0
    duplicates: int = 0
    split_lines: bool = False
    """Whether some physical line has several objects; otherwise lines can be separated without parsing."""
    digest: str = ""
    """The digest of the first `read_bytes` bytes, to check that the file still begins with them."""
    status: str = OK
    error: str | None = None
    size: int = -1
    mtime_ns: int = -1
    inode: int = -1
    modified_at: datetime | None = None
    collected_at: datetime | None = None
    resets: int = 0
    reset_at: datetime | None = None
    person: str | None = None
    """Of a directory: the person who works on the machine."""

    @classmethod
    def new(cls, host: str, root: Path, source_file: str, kind: str = FILE) -> "FileState":
        """Return the state of a file that was never read."""
        return cls(host, source_file, project_of(source_file), str(root), kind)

    def became(self, status: str, error: str | None) -> bool:
        """Set this status; return whether that changed anything."""
        changed = (self.status, self.error) != (status, error)
        self.status, self.error = status, error
        return changed

    @property
    def id(self) -> str:
        """The `_id` in `transcript_files`."""
        return f"{self.host}:{self.source_file}"

    def is_current(self, stat: os.stat_result) -> bool:
        """Return whether the file is unchanged since it was last read, so that it need not be opened."""
        same = (self.size, self.mtime_ns, self.inode) == (stat.st_size, _mtime_ns(stat), stat.st_ino)
        return same and self.status == OK

    def saw(self, stat: os.stat_result) -> None:
        """Store the file's size and times from before it was read."""
        self.size, self.mtime_ns, self.inode = stat.st_size, _mtime_ns(stat), stat.st_ino
        seconds, nanoseconds = divmod(self.mtime_ns, 10**9)
        self.modified_at = datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=nanoseconds // 10**6)
        self.status, self.error = OK, None

    def reset(self, moment: datetime) -> None:
        """Start again: the file no longer begins with the bytes read. Counted lines existed, and stay counted."""
        self.read_bytes, self.digest, self.split_lines = 0, "", False
        self.resets, self.reset_at = self.resets + 1, moment

    def forget(self) -> None:
        """Start again without counting a reset: version 0.1.0 stored too little in Iceberg to continue."""
        self.read_bytes, self.lines, self.dead_letters, self.duplicates = 0, 0, 0, 0

    def to_document(self) -> dict[str, Any]:
        """Return it as a document of `transcript_files`."""
        return {
            "_id": self.id,
            "host": self.host,
            "sourceFile": self.source_file,
            "projectId": self.project_id,
            "transcriptsDir": self.root,
            "kind": self.kind,
            "readBytes": self.read_bytes,
            "lines": self.lines,
            "deadLetters": self.dead_letters,
            "duplicates": self.duplicates,
            "splitLines": self.split_lines,
            "digest": self.digest,
            "status": self.status,
            "error": self.error,
            "size": self.size,
            "mtimeNs": self.mtime_ns,
            "inode": str(self.inode),  # unsigned 64 bits, which BSON lacks
            "modifiedAt": self.modified_at,
            "collectedAt": self.collected_at,
            "resets": self.resets,
            "resetAt": self.reset_at,
            "person": self.person,
        }

    def to_json(self) -> str:
        """Return it as JSON for SQLite."""
        return _JSON.encode(self.to_document())

    @classmethod
    def from_json(cls, text: str) -> "FileState":
        """Parse the JSON from SQLite."""
        try:
            return cls.from_document(orjson.loads(text))
        except orjson.JSONDecodeError:  # a name that is not valid UTF-8 has halves of characters
            return cls.from_document(json.loads(text))

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "FileState":
        """Parse a document of `transcript_files`."""
        return cls(
            host=document["host"],
            source_file=document["sourceFile"],
            project_id=document["projectId"],
            root=document["transcriptsDir"],
            kind=document["kind"],
            read_bytes=document["readBytes"],
            lines=document["lines"],
            dead_letters=document["deadLetters"],
            duplicates=document["duplicates"],
            split_lines=document["splitLines"],
            digest=document["digest"],
            status=document["status"],
            error=document["error"],
            size=document["size"],
            mtime_ns=document["mtimeNs"],
            inode=int(document["inode"]),
            modified_at=as_utc(document["modifiedAt"]),
            collected_at=as_utc(document["collectedAt"]),
            resets=document["resets"],
            reset_at=as_utc(document["resetAt"]),
            person=document.get("person"),
        )


def _mtime_ns(stat: os.stat_result) -> int:
    """Return when a file was changed, clamped to 64 bits (some 290 years from 1970)."""
    return max(-(2**63), min(stat.st_mtime_ns, 2**63 - 1))


def as_utc(moment: Any) -> datetime | None:
    """Return a moment from a database, or its ISO text, as an aware datetime; None for anything else."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if not isinstance(moment, datetime):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
