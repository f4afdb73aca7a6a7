"""Data files of Iceberg that are missing or cut short come back from the record store, and nothing else may go."""

import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.manifest import DataFile

from common.catalog import CONVERSATIONS, open_table
from loader.damaged_files import DamagedTableError
from tests.integration.loader.conftest import Extraction


def _files(catalog: Catalog) -> list[DataFile]:
    return [task.file for task in open_table(catalog, CONVERSATIONS).scan().plan_files()]


def _cut_short(catalog: Catalog, file: DataFile) -> None:
    io = open_table(catalog, CONVERSATIONS).io
    with io.new_input(file.file_path).open() as stream:
        content = stream.read()
    with io.new_output(file.file_path).create(overwrite=True) as stream:
        stream.write(content[: len(content) // 2])


def test_lines_of_a_file_that_was_cut_short_are_extracted_again(extraction: Extraction) -> None:
    for names in (("a", "b"), ("c",)):
        extraction.insert(*names)
        extraction.run()
    _cut_short(extraction.catalog, next(file for file in _files(extraction.catalog) if file.record_count == 2))
    done = extraction.run()
    assert (done.documents, done.late_documents, done.total_documents) == (2, 2, 3)
    assert extraction.ids() == ["a", "b", "c"]
    assert extraction.run().documents == 0


def test_lines_of_a_file_that_is_missing_are_extracted_again(extraction: Extraction) -> None:
    extraction.insert("a")
    extraction.run()
    (file,) = _files(extraction.catalog)
    open_table(extraction.catalog, CONVERSATIONS).io.delete(file.file_path)
    assert extraction.run().documents == 1
    assert extraction.ids() == ["a"]


def test_a_damaged_file_stays_where_the_record_store_lacks_its_lines(extraction: Extraction) -> None:
    """Another copy of the file may exist: nothing that could be put back is let go of."""
    extraction.insert("a", "b")
    extraction.run()
    (file,) = _files(extraction.catalog)
    _cut_short(extraction.catalog, file)
    extraction.conversations.delete_one({"_id": "a"})
    with pytest.raises(DamagedTableError, match=r"found 1 missing .* only 1 of 2 rows in .*: restore"):
        extraction.run()
    assert [kept.file_path for kept in _files(extraction.catalog)] == [file.file_path]
