"""What the tests of the collector share: files to write, a pass over them, and all that it stored."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymongo.database import Database

import collector
from collector import CollectResult
from records.mongo_store import MongoStore

Mongo = Database[dict[str, Any]]
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120.0
LINE = b'{"type":"user","uuid":"%d","sessionId":"s","message":{"role":"user","content":"hello"}}\n'


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def collect(database: Mongo, projects: Path) -> CollectResult:
    return collector.collect(MongoStore(database), projects, "laptop")


def contents(database: Mongo) -> dict[str, list[dict[str, Any]]]:
    """All that is stored, but for the moments at which it was."""
    volatile = {"ingestedAt": 0, "collectedAt": 0, "modifiedAt": 0, "mtimeNs": 0, "inode": 0, "transcriptsDir": 0}
    names = ("conversations", "conversation_parts", "dead_letters", "transcript_files")
    return {name: list(database[name].find({}, volatile).sort("_id")) for name in names}


def state(database: Mongo, source_file: str = "p/s.jsonl") -> dict[str, Any]:
    found = database.transcript_files.find_one({"_id": f"laptop:{source_file}"})
    assert found is not None
    return found


def whole(database: Mongo, document_id: str) -> bytes:
    """The bytes of a line that is in parts."""
    parts = database.conversation_parts.find({"conversationId": document_id}).sort("part")
    return b"".join(part["data"] for part in parts)


def has_documents(database: Mongo, count: int) -> bool:
    return database.conversations.estimated_document_count() >= count


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for what is about to happen; the bound is for a machine that is busy, and says nothing of how fast it is."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
