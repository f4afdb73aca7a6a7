"""What a document leaves in schema raw is replaced with it, in all of its tables; bad lines stop no load."""

from contextlib import closing

from common.duckdb_files import open_work_database
from loader.raw_rows import SeenDocuments
from tests.unit.loader.conftest import Document, Lake

DEEP = '{"_id":"a","type":"user","x":' + "[" * 100_000 + "]" * 100_000 + "}"


def _line(name: str, tokens: object = 1) -> Document:
    message = {"content": "x", "usage": {"input_tokens": tokens}}
    return {"_id": name, "type": "assistant", "sessionId": "s", "message": message}


def test_a_document_that_comes_again_replaces_its_rejected_values(lake: Lake) -> None:
    lake.append(_line("a", -1), _line("b", -2))
    lake.load()
    lake.append(_line("a", 3))
    lake.load()
    assert lake.rows("select document_id, field, kind, found from raw.rejected_values") == [
        {"document_id": "b", "field": "usage.input_tokens", "kind": "negative", "found": "-2"}
    ]


def test_a_document_that_could_not_be_flattened_leaves_when_it_can(lake: Lake) -> None:
    lake.append_as("a", DEEP)
    lake.append(_line("b"))
    result = lake.load()
    assert (result.documents, result.rows) == (2, 1)
    assert [row["document_id"] for row in lake.rows("select * from raw.rejected_documents")] == ["a"]
    lake.append(_line("a"))
    lake.load()
    assert lake.rows("select * from raw.rejected_documents") == []
    assert len(lake.rows()) == 2


def test_a_newer_document_that_is_rejected_stays_the_newest(lake: Lake) -> None:
    """Files are read newest first: the older version comes after it and must not take its place."""
    lake.append(_line("a"))
    lake.append_as("a", DEEP)
    lake.load()
    assert lake.rows() == []
    assert [row["document_id"] for row in lake.rows("select * from raw.rejected_documents")] == ["a"]


def test_a_full_refresh_leaves_no_row_of_what_is_gone(lake: Lake) -> None:
    lake.append(_line("a", -1))
    lake.append_as("b", DEEP)
    for _ in range(2):
        lake.load(full_refresh=True)
        assert len(lake.rows("select * from raw.rejected_values")) == 1
        assert len(lake.rows("select * from raw.rejected_documents")) == 1


def test_raw_tables_of_another_version_are_built_from_nothing_under_a_higher_number(lake: Lake) -> None:
    lake.append(_line("a"))
    lake.load()
    with closing(open_work_database(lake.work)) as connection:
        connection.execute("alter table raw.conversations drop column byte_offset")
    result = lake.load()
    assert (result.full, result.documents, result.load_id) == (True, 1, 2)
    assert lake.rows("select byte_offset from raw.conversations") == [{"byte_offset": None}]
    assert lake.load().documents == 0


def test_a_nul_in_a_text_and_in_json_survives_the_database(lake: Lake) -> None:
    block = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "a\0b"}}
    lake.append({"_id": "a", "type": "assistant", "message": {"content": ["x\0y", block]}})
    lake.load()
    rows = lake.rows("select block_text, tool_input ->> '$.command' as command from raw.conversations order by 1")
    assert rows == [{"block_text": "x\0y", "command": None}, {"block_text": None, "command": "a\0b"}]


def test_a_document_is_known_once_it_was_seen() -> None:
    seen = SeenDocuments()
    names = [f"document {number}" for number in range(10_000)]
    assert seen.add(names) == []
    assert seen.add(["another", *names[:3]]) == names[:3]
