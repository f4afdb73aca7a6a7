"""A load adds what is new, once, and records how far it came in the same transaction."""

from pathlib import Path

import pytest

from common.catalog import CONVERSATIONS, open_table
from tests.unit.loader.conftest import Lake


def _line(name: str, text: str = "x") -> dict[str, object]:
    return {"_id": name, "type": "user", "sessionId": "s", "message": {"content": text}}


def test_a_second_load_adds_nothing_and_keeps_its_number(lake: Lake) -> None:
    """Nothing new is no load."""
    lake.append(_line("a"), _line("b"))
    first, second = lake.load(), lake.load()
    assert (first.documents, first.rows, first.load_id) == (2, 2, 1)
    assert (second.documents, second.rows, second.load_id, second.total_rows) == (0, 0, 1, 2)


def test_only_what_was_appended_since_is_read(lake: Lake) -> None:
    """Each load's rows carry its number."""
    lake.append(_line("a"))
    lake.load()
    lake.append(_line("b"))
    assert lake.load().documents == 1
    rows = lake.rows("select document_id, load_id from raw.conversations order by 1")
    assert rows == [{"document_id": "a", "load_id": 1}, {"document_id": "b", "load_id": 2}]


def test_a_document_that_comes_again_replaces_its_rows(lake: Lake) -> None:
    """The newest version is the one that is kept, within a load and over loads."""
    lake.append(_line("a", "old"))
    lake.load()
    lake.append(_line("a", "newer"))
    lake.append(_line("a", "newest"))
    lake.load()
    assert lake.rows("select block_text, load_id from raw.conversations") == [{"block_text": "newest", "load_id": 2}]


def test_the_newest_version_is_kept_in_whatever_order_files_are_read(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyiceberg plans the newest file first, and a batch may end between two versions."""
    monkeypatch.setattr("loader.read.BATCH_BYTES", 1)
    for text in ("old", "newer", "newest"):
        lake.append(_line("a", text))
    for _ in range(2):
        assert lake.load(full_refresh=True).total_rows == 1
        assert lake.rows("select block_text from raw.conversations") == [{"block_text": "newest"}]
        rows = open_table(lake.catalog, CONVERSATIONS).scan().to_arrow()
        open_table(lake.catalog, CONVERSATIONS).overwrite(rows.sort_by("extracted_at"))


def test_a_table_that_was_written_again_is_loaded_into_a_new_file(lake: Lake) -> None:
    """Not a byte of the rows that are gone stays in the database, and the loads' numbers go on."""
    lake.append(_line("a", "the first text"), _line("b"))
    lake.load()
    inode = lake.work.stat().st_ino
    open_table(lake.catalog, CONVERSATIONS).delete("document_id is not null")
    lake.append(_line("a", "the second text"), _line("b"))
    second = lake.load()
    assert (second.full, second.documents, second.total_rows, second.load_id) == (True, 2, 2, 2)
    assert lake.work.stat().st_ino != inode
    assert b"the first text" not in lake.work.read_bytes()
    assert lake.rows("select load_id from raw.loads order by 1") == [{"load_id": 1}, {"load_id": 2}]
    assert lake.load().documents == 0


def test_a_full_refresh_gives_the_same_rows_under_a_new_number(lake: Lake) -> None:
    """It builds raw from nothing."""
    lake.append(_line("a"), _line("b"))
    lake.load()
    again = lake.load(full_refresh=True)
    assert (again.documents, again.total_rows, again.load_id, again.full) == (2, 2, 2, True)


def test_another_iceberg_table_is_loaded_from_nothing(lake: Lake) -> None:
    """Rows of a table that was dropped and made again do not stay behind."""
    lake.append(_line("a"))
    lake.load()
    lake.catalog.drop_table(CONVERSATIONS)
    lake.append(_line("b"))
    result = lake.load()
    assert (result.load_id, result.full) == (2, True)
    assert lake.rows("select document_id from raw.conversations") == [{"document_id": "b"}]


def test_another_iceberg_table_that_is_empty_is_a_load_as_well(lake: Lake) -> None:
    """Recorded, or the first table would count as loaded when it comes back."""
    lake.append(_line("a"))
    lake.load()
    first = lake.catalog.load_table(CONVERSATIONS).metadata_location
    lake.catalog.drop_table(CONVERSATIONS)
    assert [lake.load().full, lake.load().full] == [True, False]
    lake.catalog.drop_table(CONVERSATIONS)
    lake.catalog.register_table(CONVERSATIONS, first)
    assert (lake.load().documents, lake.load().documents) == (1, 0)


def test_a_load_that_is_stopped_leaves_everything_as_it_was(lake: Lake) -> None:
    """Rows and progress are one transaction: the next load starts where the last whole one ended."""
    lake.append(_line("a"))
    lake.load()
    lake.append(_line("b"))

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lake.load(progress=stop)
    assert lake.rows("select count(*) as n from raw.conversations") == [{"n": 1}]
    assert lake.load().documents == 1
    assert lake.rows("select max(load_id) as n from raw.loads") == [{"n": 2}]


def test_compaction_of_the_iceberg_table_brings_nothing_back(lake: Lake) -> None:
    """Rewritten files hold old extraction times."""
    lake.append(_line("a"))
    lake.append(_line("b"))
    lake.load()
    table = open_table(lake.catalog, CONVERSATIONS)
    table.overwrite(table.scan().to_arrow())
    assert lake.load().documents == 0


def test_an_empty_table_loads_to_empty_tables(lake: Lake) -> None:
    """Before the first document there is a raw schema to build on."""
    result = lake.load()
    assert (result.documents, result.total_rows) == (0, 0)
    assert lake.rows() == []


@pytest.mark.parametrize("name", ["My Data", "Jörg", "100%25", "a#b"])
def test_a_folder_of_any_name_holds_the_whole_lake(name: str, tmp_path: Path) -> None:
    """pyiceberg takes the escapes of a URI literally, and wrote transcripts to a folder beside ours."""
    lake = Lake(tmp_path / name)
    lake.append(_line("a"))
    assert lake.load().documents == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]
