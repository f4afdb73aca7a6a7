"""Transcripts reach a real MongoDB server: every line once and whole, and each file's state with them."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import collector
from collector import CollectProgress
from records.mongo_documents import OUR_FIELDS
from records.mongo_store import MongoStore
from sample.transcripts import SampleStats
from tests.integration.collecting import (
    LINE,
    Mongo,
    append,
    collect,
    contents,
    state,
)


def test_a_pass_stores_every_line_whole(mongo_database: Mongo, sample: tuple[Path, SampleStats]) -> None:
    folder, stats = sample
    result = collect(mongo_database, folder)
    assert (result.files, result.lines, result.dead_letters) == (stats.files, stats.lines, stats.malformed)
    assert (result.documents, result.duplicates, result.known) == (stats.lines - stats.malformed, 0, 0)
    assert result.files_unfinished == stats.half_written
    stored = sorted(
        json.dumps({key: value for key, value in document.items() if key not in OUR_FIELDS}, sort_keys=True)
        for document in mongo_database.conversations.find()
    )
    assert stored == sorted(json.dumps(value, sort_keys=True) for value in objects(folder))


def objects(folder: Path) -> Iterator[dict[str, Any]]:
    for path in folder.rglob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value


def test_a_document_says_where_and_when_it_was_collected(mongo_database: Mongo, projects: Path) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    collect(mongo_database, projects)
    found = mongo_database.conversations.find_one({"uuid": "1"})
    assert found is not None
    assert (found["host"], found["projectId"], found["sourceFile"]) == ("laptop", "p", "p/s.jsonl")
    assert before < found["ingestedAt"] < datetime.now(UTC) + timedelta(seconds=1)
    assert "ingestedAt_1" in mongo_database.conversations.index_information()
    assert "conversationId_1" in mongo_database.conversation_parts.index_information()  # or each look reads them all


def test_a_second_pass_opens_no_file_and_adds_nothing(mongo_database: Mongo, sample: tuple[Path, SampleStats]) -> None:
    collect(mongo_database, sample[0])
    before = contents(mongo_database)
    result = collect(mongo_database, sample[0])
    assert (result.files, result.files_read, result.lines, result.bytes_read) == (sample[1].files, 0, 0, 0)
    assert result.files_unfinished == 1
    assert contents(mongo_database) == before


def test_appended_lines_are_added_and_no_others(mongo_database: Mongo, projects: Path) -> None:
    collect(mongo_database, projects)
    append(projects / "p/s.jsonl", LINE % 4 + LINE % 5)
    result = collect(mongo_database, projects)
    assert (result.files_read, result.lines, result.documents, result.resets) == (1, 2, 2, 0)
    assert state(mongo_database)["lines"] == mongo_database.conversations.count_documents({}) == 5


def test_progress_ends_where_it_said_it_would(mongo_database: Mongo, sample: tuple[Path, SampleStats]) -> None:
    said: list[CollectProgress] = []
    collector.collect(MongoStore(mongo_database), sample[0], "laptop", said.append)
    assert said[-1].files_done == said[-1].files_total == sample[1].files
    assert said[-1].lines == sample[1].lines
    assert said[-1].bytes_total - said[-1].bytes_done < 200  # the half-written line
    assert [progress.bytes_done for progress in said] == sorted(progress.bytes_done for progress in said)


def test_a_moved_file_adds_nothing(mongo_database: Mongo, projects: Path) -> None:
    append(projects / "p/s.jsonl", b'{"type":"mode"}\n{"type":"mode"}\n{"type":"summary"}\nbroken\n')
    collect(mongo_database, projects)
    before = contents(mongo_database)
    (projects / "worktree").mkdir()
    (projects / "p/s.jsonl").rename(projects / "worktree/s.jsonl")
    result = collect(mongo_database, projects)
    assert (result.documents, result.duplicates, result.dead_letters) == (0, 6, 1)
    after = contents(mongo_database)
    assert (after["conversations"], after["dead_letters"]) == (before["conversations"], before["dead_letters"])
    assert state(mongo_database)["status"] == "missing"
    assert state(mongo_database, "worktree/s.jsonl")["duplicates"] == 6


def test_lines_are_documents_dead_letters_and_duplicates(mongo_database: Mongo, projects: Path) -> None:
    """Over all files, whatever has been copied, repeated, moved and replaced."""
    source = projects / "p/s.jsonl"
    append(source, LINE % 3 + b'{"type":"mode"}\n' * 3 + b"broken\n\n")
    shutil.copy(source, projects / "p/copy.jsonl")
    collect(mongo_database, projects)
    source.write_bytes(LINE % 2 + LINE % 9 + LINE % 1)
    append(projects / "p/copy.jsonl", LINE % 9 + LINE % 10)
    collect(mongo_database, projects)
    states = list(mongo_database.transcript_files.find())
    lines, dead, duplicates = (sum(state[name] for state in states) for name in ("lines", "deadLetters", "duplicates"))
    assert lines == 8 + 8 + 3 + 2
    assert lines - dead - duplicates == mongo_database.conversations.count_documents({})
