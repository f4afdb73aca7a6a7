"""Broken lines, and files that were changed, replaced, moved or cannot be read: each is recorded and stops nothing."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import stamina
from pymongo import MongoClient

from common.transcript_files import TranscriptsError
from records import StoreError
from tests.integration.collecting import (
    LINE,
    Mongo,
    append,
    collect,
    state,
    whole,
    write,
)
from tests.integration.conftest import free_port


def test_a_line_that_is_no_object_is_rejected_with_its_place_and_reason(mongo_database: Mongo, projects: Path) -> None:
    append(projects / "p/s.jsonl", b"// note\n" + LINE % 4 + b'"text"\n')
    collect(mongo_database, projects)
    first, second = mongo_database.dead_letters.find().sort("byteOffset")
    assert (first["line"], first["byteOffset"], first["sourceFile"]) == ("// note", len(LINE % 1) * 3, "p/s.jsonl")
    assert "not JSON" in first["reason"]
    assert second["reason"] == "expected a JSON object, found a string"
    assert mongo_database.conversations.count_documents({}) == 4


@pytest.mark.parametrize("content", [LINE % 1, LINE % 7, b"", LINE % 1 + LINE % 2 + LINE % 8 + LINE % 9])
def test_a_truncated_or_replaced_file_is_read_from_its_start(
    mongo_database: Mongo, projects: Path, content: bytes
) -> None:
    collect(mongo_database, projects)
    write(projects / "p/s.jsonl", content)
    result = collect(mongo_database, projects)
    assert result.resets == state(mongo_database)["resets"] == 1
    append(projects / "p/s.jsonl", LINE % 20)
    assert collect(mongo_database, projects).resets == 0
    found = {document["uuid"] for document in mongo_database.conversations.find()}
    assert found == {"1", "2", "3", "20"} | {json.loads(line)["uuid"] for line in content.splitlines()}


def test_a_line_of_50_mb_is_kept_in_parts(mongo_database: Mongo, projects: Path) -> None:
    raw = json.dumps({"uuid": "big", "sessionId": "s", "type": "user", "text": "é" * 25_000_000}, ensure_ascii=False)
    append(projects / "p/s.jsonl", raw.encode() + b"\n" + LINE % 4)
    result = collect(mongo_database, projects)
    assert result.documents == 5
    found = mongo_database.conversations.find_one({"uuid": "big"})
    assert found is not None
    assert (found["oversized"]["bytes"], found["oversized"]["parts"]) == (len(raw.encode()), 6)
    assert whole(mongo_database, found["_id"]) == raw.encode()


def test_what_bson_cannot_hold_comes_back_byte_for_byte(mongo_database: Mongo, projects: Path) -> None:
    odd = [
        b'{"n":9223372036854775808}',
        b'{"n":NaN}',
        b'{"s":"\\ud800"}',
        b'{"s":"caf\xe9"}',
        b'{"_id":1}',
        b'{"host":2}',
    ]
    write(projects / "p/odd.jsonl", b"\n".join(odd))
    assert collect(mongo_database, projects).documents == len(odd) + 3
    found = mongo_database.conversations.find({"oversized": {"$exists": True}})
    assert sorted(whole(mongo_database, document["_id"]) for document in found) == sorted(odd)


def test_a_dead_letter_that_does_not_show_all_lies_in_parts_too(mongo_database: Mongo, projects: Path) -> None:
    raw = b"caf\xe9" + b"x" * 2_000_000
    write(projects / "p/broken.jsonl", raw + b"\n")
    collect(mongo_database, projects)
    (found,) = mongo_database.dead_letters.find()
    assert (found["lineBytes"], len(found["line"])) == (len(raw), 1024 * 1024)
    assert whole(mongo_database, found["_id"]) == raw


def test_what_the_server_refuses_is_kept_in_parts(mongo_database: Mongo, projects: Path) -> None:
    validator = {"$jsonSchema": {"properties": {"poison": {"bsonType": "string"}}}}
    mongo_database.create_collection("conversations", validator=validator)
    raw = b'{"uuid":"x","poison":{"a":1}}'
    append(projects / "p/s.jsonl", raw + b"\n" + LINE % 4)
    result = collect(mongo_database, projects)
    assert result.documents == 5
    found = mongo_database.conversations.find_one({"uuid": "x"})
    assert found is not None
    assert "refused by the server" in found["oversized"]["reason"]
    assert whole(mongo_database, found["_id"]) == raw


def test_a_file_that_cannot_be_read_is_recorded_and_stops_nothing(mongo_database: Mongo, projects: Path) -> None:
    (projects / "p/loop.jsonl").symlink_to("loop.jsonl")
    os.mkfifo(projects / "p/pipe.jsonl")
    result = collect(mongo_database, projects)
    assert (result.files_unreadable, result.documents) == (2, 3)
    loop, pipe = state(mongo_database, "p/loop.jsonl"), state(mongo_database, "p/pipe.jsonl")
    assert (loop["status"], loop["error"]) == ("unreadable", "Too many levels of symbolic links")
    assert (pipe["status"], pipe["error"]) == ("unreadable", "not a regular file")
    (projects / "p/loop.jsonl").unlink()
    write(projects / "p/loop.jsonl", LINE % 4)
    assert collect(mongo_database, projects).documents == 1
    assert (state(mongo_database, "p/loop.jsonl")["status"], state(mongo_database, "p/loop.jsonl")["error"]) == (
        "ok",
        None,
    )


def test_a_deleted_file_keeps_its_documents_and_is_known_again_when_it_returns(
    mongo_database: Mongo, projects: Path
) -> None:
    source = projects / "p/s.jsonl"
    content = source.read_bytes()
    collect(mongo_database, projects)
    source.unlink()
    assert collect(mongo_database, projects).files == 0
    assert (state(mongo_database)["status"], state(mongo_database)["lines"]) == ("missing", 3)
    write(source, content + LINE % 4)
    result = collect(mongo_database, projects)
    assert (result.lines, result.resets, state(mongo_database)["status"]) == (1, 0, "ok")
    assert mongo_database.conversations.count_documents({}) == 4


def test_another_directory_on_the_same_host_makes_no_file_missing(
    mongo_database: Mongo, projects: Path, tmp_path: Path
) -> None:
    collect(mongo_database, projects)
    write(tmp_path / "others/q/t.jsonl", LINE % 9)
    collect(mongo_database, tmp_path / "others")
    assert state(mongo_database)["status"] == "ok"


def test_a_missing_directory_is_one_clear_line(mongo_database: Mongo, tmp_path: Path) -> None:
    with pytest.raises(
        TranscriptsError, match=r"^transcripts directory .* found: No such file or directory; set TRANSCRIPTS_DIR"
    ):
        collect(mongo_database, tmp_path / "no")


def test_a_server_that_does_not_answer_is_one_clear_line(projects: Path) -> None:
    uri = f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=100"
    with (
        stamina.set_testing(True, attempts=2),
        MongoClient[dict[str, Any]](uri) as client,
        pytest.raises(StoreError, match=r"^MongoDB: expected .*; check MONGO_URI$") as raised,
    ):
        collect(client.logs, projects)
    assert "\n" not in str(raised.value)
