"""Maintenance of real Iceberg tables in a SQLite catalog: fewer files, the same rows, a loader that notices nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from pyiceberg.catalog import Catalog

from common.catalog import CONVERSATIONS, open_catalog, open_table
from common.extract_progress import progress_properties
from common.loader_results import MaintenanceResult
from common.settings import Settings
from loader import load
from loader import table_maintenance as maintenance_module
from loader.table_maintenance import maintain
from loader.table_state import TableState
from records import Place, StoredLine

WATERMARK = datetime(2026, 4, 2, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, _env_file=None)


@pytest.fixture
def catalog(settings: Settings) -> Catalog:
    """A table of six commits in March and two in April, of one file each."""
    catalog = open_catalog(settings)
    state = TableState(open_table(catalog, CONVERSATIONS))
    for number in range(8):
        state.append([line(number)], WATERMARK)
    return catalog


def line(number: int) -> StoredLine:
    moment = datetime(2026, 3 if number < 6 else 4, number + 1, tzinfo=UTC)
    content = f'{{"type":"user","message":{{"role":"user","content":"text {number}"}}}}'.encode()
    return StoredLine(str(number), None, None, "user", Place("h", "p", "f", number), moment, content)


def rows(catalog: Catalog) -> list[dict[str, object]]:
    table = open_table(catalog, CONVERSATIONS).scan().to_arrow()
    return sorted(table.to_pylist(), key=lambda row: str(row["document_id"]))


def maintain_at_once(catalog: Catalog) -> MaintenanceResult:
    """As it is days later, when everything that may go is old enough to go."""
    return maintain(catalog, snapshot_age=timedelta(0), orphan_age=timedelta(0))


def data_files(settings: Settings) -> set[Path]:
    return set(settings.data_dir.rglob("*.parquet"))


def test_small_files_of_one_month_become_one_and_no_row_changes(catalog: Catalog) -> None:
    before = rows(catalog)
    result = maintain(catalog)
    assert (result.files_compacted, result.files_written) == (6, 1)
    assert rows(catalog) == before
    assert len(list(open_table(catalog, CONVERSATIONS).scan().plan_files())) == 3  # March, and April's two as they were
    assert TableState(open_table(catalog, CONVERSATIONS)).total == 8


def test_a_second_maintenance_finds_nothing_to_do(catalog: Catalog) -> None:
    maintain_at_once(catalog)
    again = maintain_at_once(catalog)
    assert (again.files_compacted, again.snapshots_expired, again.orphans_deleted) == (0, 0, 0)


def test_the_loaders_progress_outlives_compaction_and_expiry(catalog: Catalog, settings: Settings) -> None:
    database = settings.duckdb_dir / "work" / "analytics.db"
    assert load(catalog, database, settings=settings).documents == 8
    before = progress_properties(open_table(catalog, CONVERSATIONS))
    maintain_at_once(catalog)
    table = open_table(catalog, CONVERSATIONS)
    assert progress_properties(table) == before
    assert TableState(table).watermark == WATERMARK
    assert load(catalog, database, settings=settings).documents == 0
    TableState(table).append([line(8)], WATERMARK)
    assert load(catalog, database, settings=settings).documents == 1
    with duckdb.connect(str(database), read_only=True) as connection:
        assert connection.execute("select count(*), count(distinct document_id) from raw.conversations").fetchone() == (
            9,
            9,
        )


def test_old_snapshots_go_with_their_files_and_the_current_one_stays(catalog: Catalog, settings: Settings) -> None:
    result = maintain_at_once(catalog)
    table = open_table(catalog, CONVERSATIONS)
    assert len(table.metadata.snapshots) == 1
    assert result.snapshots_expired >= 8
    assert len(data_files(settings)) == 3
    assert result.orphans_deleted > 6
    assert result.bytes_freed > 0
    assert len(rows(catalog)) == 8


def test_files_of_a_commit_that_is_still_being_made_are_left_alone(catalog: Catalog, settings: Settings) -> None:
    folder = next(iter(data_files(settings))).parent
    stray = folder / "stray.parquet"
    stray.write_bytes(b"being written")
    assert maintain(catalog).orphans_deleted == 0
    assert stray.exists()
    assert maintain(catalog, orphan_age=timedelta(0)).orphans_deleted == 1
    assert not stray.exists()


def test_a_month_larger_than_memory_allows_is_rewritten_in_parts(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = max(task.file.file_size_in_bytes for task in open_table(catalog, CONVERSATIONS).scan().plan_files())
    monkeypatch.setattr(maintenance_module, "GROUP_BYTES", 2 * largest)
    before, seen = rows(catalog), list[tuple[int, int | None]]()
    result = maintain(catalog, progress=lambda done, total: seen.append((done, total)))
    assert result.files_written >= 2
    assert len(seen) == result.files_written
    assert rows(catalog) == before


def test_a_compaction_that_is_cut_off_changes_nothing(catalog: Catalog) -> None:
    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    before = rows(catalog)
    with pytest.raises(KeyboardInterrupt):
        maintain(catalog, progress=stop)
    assert rows(catalog) == before
    assert maintain(catalog).files_compacted == 6


def test_many_appends_leave_few_manifests_also_in_a_table_made_without_that_setting(settings: Settings) -> None:
    catalog = open_catalog(settings)
    with open_table(catalog, CONVERSATIONS).transaction() as transaction:
        transaction.remove_properties("commit.manifest-merge.enabled")
    state = TableState(open_table(catalog, CONVERSATIONS))
    for number in range(40):
        state.append([line(number % 6)], WATERMARK)
    table = open_table(catalog, CONVERSATIONS)
    snapshot = table.current_snapshot()
    assert snapshot is not None
    assert len(snapshot.manifests(table.io)) <= 16
    assert table.scan().to_arrow().num_rows == 40
