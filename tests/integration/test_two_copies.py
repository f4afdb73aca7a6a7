"""Record store and Iceberg rebuild each other: whatever is lost or replaced by an older copy, every line comes back."""

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog
from pymongo.database import Database

import collector
import loader
from common.catalog import CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES, open_catalog, open_table
from common.settings import load_settings
from loader.extract import RefillError
from records import RecordStore, StoredLine
from records.mongo_store import MongoStore
from records.sqlite_store import SqliteStore
from records.store import EARLIEST
from tests.integration.collecting import LINE, append, write

TABLES = (CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES)
BROKEN = b"// note\ncaf\xe9\n"


class Copies:
    """Both copies of one history, and the transcripts that they came from."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.projects = folder, folder / "projects"
        self.records, self.iceberg = folder / "data/records", folder / "data/iceberg"

    def write_transcripts(self) -> None:
        """Write two transcripts, one of which has rejected lines."""
        write(self.projects / "p/s.jsonl", LINE % 1 + LINE % 2 + b'{ "type": "mode" }\n' * 2 + BROKEN)
        write(self.projects / "q/t.jsonl", b"".join(LINE % number for number in range(10, 40)))

    @contextmanager
    def store(self) -> Iterator[RecordStore]:
        """Open the record store."""
        with closing(SqliteStore(self.records / "records.db")) as store:
            yield store

    def catalog(self) -> Catalog:
        """Open the catalog."""
        return open_catalog(load_settings(data_dir=self.folder / "data"))

    def run(self, *, full_refresh: bool = False) -> collector.CollectResult:
        """Do what the first steps of a run do."""
        with self.store() as store:
            loader.refill(store, self.catalog())
            result = collector.collect(store, self.projects, "laptop")
            loader.extract(store, self.catalog(), full_refresh=full_refresh)
        return result

    def lines(self) -> dict[str, bytes]:
        """Return every line of the record store by its id."""
        with self.store() as store:
            return {line.line_id: line.content for line in store.read_after(EARLIEST)}

    def contents(self) -> dict[str, Any]:
        """Every line, rejected line and file state of both copies."""
        with self.store() as store:
            rejected = {line.line_id: line.raw for line in store.read_rejected(list(store.rejected_ids()))}
            states = {state.source_file: (state.lines, state.read_bytes) for state in store.all_states()}
        rows = {name: open_table(self.catalog(), name).scan().to_arrow().to_pylist() for name in TABLES}
        return {
            "lines": self.lines(),
            "rejected": rejected,
            "states": states,
            "iceberg lines": sorted(row["document_id"] for row in rows[CONVERSATIONS]),
            "iceberg rejected": sorted(row["document_id"] for row in rows[DEAD_LETTERS]),
            "iceberg states": sorted((row["source_file"], row["lines"]) for row in rows[TRANSCRIPT_FILES]),
        }


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    """Two copies that agree."""
    both = Copies(tmp_path)
    both.write_transcripts()
    both.run()
    return both


def lose_records(copies: Copies) -> None:
    shutil.rmtree(copies.records)


def lose_iceberg(copies: Copies) -> None:
    shutil.rmtree(copies.iceberg)


def replace_by_older(name: str) -> Callable[[Copies], None]:
    def replace(copies: Copies) -> None:
        """Put back a copy that was made before more lines came."""
        kept, place = copies.folder / "kept", getattr(copies, name)
        shutil.copytree(place, kept)
        append(copies.projects / "p/s.jsonl", LINE % 50 + LINE % 51 + b"broken again\n")
        write(copies.projects / "r/u.jsonl", LINE % 60)
        copies.run()
        shutil.rmtree(place)
        kept.rename(place)

    return replace


LOSSES = {
    "records lost": lose_records,
    "iceberg lost": lose_iceberg,
    "records older": replace_by_older("records"),
    "iceberg older": replace_by_older("iceberg"),
}


@pytest.mark.parametrize("full_refresh", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_what_one_copy_lost_comes_back_from_the_other(copies: Copies, loss: str, full_refresh: bool) -> None:
    """Also when the transcripts are gone: nothing but the other copy has the lines."""
    LOSSES[loss](copies)
    undisturbed = Copies(copies.folder / "undisturbed")
    shutil.move(copies.projects, undisturbed.projects)
    undisturbed.run()
    copies.projects.mkdir()
    for refresh in (full_refresh, not full_refresh):
        copies.run(full_refresh=refresh)
        assert copies.contents() == undisturbed.contents()


def test_after_a_lost_record_store_no_file_is_read_twice(copies: Copies) -> None:
    lose_records(copies)
    assert copies.run().bytes_read == 0


def test_new_lines_that_hide_a_loss_in_the_count_hide_nothing(copies: Copies) -> None:
    """An older record store gets as many new lines as it had lost before anybody compares."""
    before = len(copies.lines())
    replace_by_older("records")(copies)
    write(copies.folder / "new/v/w.jsonl", b"".join(LINE % number for number in range(70, 73)))
    with copies.store() as store:
        collector.collect(store, copies.folder / "new", "laptop")
    copies.run()
    assert len(copies.lines()) == len(copies.contents()["iceberg lines"]) == before + 3 + 3


def test_a_full_refresh_that_would_lose_lines_changes_nothing(copies: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the record store takes nothing back."""
    before = copies.contents()["iceberg lines"]
    lose_records(copies)
    monkeypatch.setattr(SqliteStore, "restore_lines", lambda self, lines: 0)
    refused = r"^\d+ of \d+ lines in Iceberg are missing from the record store .*; nothing was changed"
    with copies.store() as store, pytest.raises(RefillError, match=refused):
        loader.extract(store, copies.catalog(), full_refresh=True)
    monkeypatch.undo()
    assert copies.contents()["iceberg lines"] == before


def test_lines_travel_between_mongodb_and_sqlite_through_iceberg(
    copies: Copies, mongo_database: Database[dict[str, Any]]
) -> None:
    """Who sets MONGO_URI later, or drops it, keeps the history."""
    mongo = MongoStore(mongo_database)
    loader.refill(mongo, copies.catalog())
    assert {line.line_id: line.content for line in mongo.read_after(EARLIEST)} == copies.lines()
    assert collector.collect(mongo, copies.projects, "laptop").bytes_read == 0


def test_a_data_folder_of_version_0_1_0_is_taken_over(copies: Copies) -> None:
    """Its Iceberg table has documents with the collector's fields, and neither offsets nor states."""
    with copies.store() as store:
        lines = list(store.read_after(EARLIEST))
    table = open_table(copies.catalog(), CONVERSATIONS)
    table.overwrite(pa.Table.from_pylist([row_of_0_1_0(line) for line in lines], schema=table.schema().as_arrow()))
    files = open_table(copies.catalog(), TRANSCRIPT_FILES)
    states = [row | {"state": None} for row in files.scan().to_arrow().to_pylist()]
    files.overwrite(pa.Table.from_pylist(states, schema=files.schema().as_arrow()))
    lose_records(copies)
    result = copies.run()
    assert (result.documents, result.known) == (0, len(lines))
    assert copies.contents()["iceberg lines"] == sorted(line.line_id for line in lines)
    assert copies.contents()["states"]["q/t.jsonl"] == (30, len(LINE % 10) * 30)


def row_of_0_1_0(line: StoredLine) -> dict[str, Any]:
    place = line.place
    added = {"_id": line.line_id, "host": place.host, "projectId": place.project_id, "sourceFile": place.source_file}
    return {
        "document_id": line.line_id,
        "session_id": line.session_id,
        "uuid": line.uuid,
        "type": line.line_type,
        "project_id": place.project_id,
        "source_file": place.source_file,
        "host": place.host,
        "ingested_at": line.ingested_at,
        "extracted_at": datetime.now(UTC),
        "document": json.dumps(added | json.loads(line.content)),
    }


def test_a_compressed_transcript_is_read_as_the_plain_one(copies: Copies) -> None:
    """Under both names; compressing a file that was read adds nothing."""
    before = len(copies.lines())
    plain = copies.projects / "q/t.jsonl"
    content = plain.read_bytes()
    plain.unlink()
    write(copies.projects / "q/t.jsonl.gz", gzip.compress(content))
    write(copies.projects / "p/old.jsonl", gzip.compress(LINE % 77))
    write(copies.projects / "p/damaged.jsonl.gz", gzip.compress(content)[:-20])
    result = copies.run()
    assert (result.documents, result.files_unreadable, len(copies.lines())) == (1, 1, before + 1)
    with copies.store() as store:
        assert "damaged gzip file" in str(store.states("laptop")["p/damaged.jsonl.gz"].error)


def test_what_is_noted_of_an_agent_is_a_line_that_names_agent_and_session(copies: Copies) -> None:
    note = copies.projects / "p/session-1/subagents/agent-a1.meta.json"
    write(note, b'{"agentType": "reviewer",\n "toolUseId": "toolu_1"}')
    copies.run()
    write(note, b'{"agentType": "reviewer", "toolUseId": "toolu_1", "spawnDepth": 1}')
    assert copies.run().documents == 1
    assert copies.run().lines == 0
    found = [json.loads(line) for line in copies.lines().values() if b"agent-meta" in line]
    names = {"type": "agent-meta", "sessionId": "session-1", "agentId": "a1"}
    note_before = {"agentType": "reviewer", "toolUseId": "toolu_1"}
    assert sorted(found, key=len) == [note_before | names, note_before | {"spawnDepth": 1} | names]


def test_two_homes_with_files_of_one_name_are_both_read(tmp_path: Path) -> None:
    roots = [tmp_path / "one/projects", tmp_path / "two/projects", tmp_path / "link"]
    write(roots[0] / "p/s.jsonl", LINE % 1)
    write(roots[1] / "p/s.jsonl", LINE % 1 + LINE % 2)
    roots[2].symlink_to(roots[0])
    with closing(SqliteStore(tmp_path / "records.db")) as store:
        result = collector.collect(store, roots, "laptop")
        assert (result.files, result.documents, result.duplicates) == (2, 2, 1)
        assert collector.collect(store, roots, "laptop").lines == 0
        assert {line.place.project_id for line in store.read_after(EARLIEST)} == {"p"}
