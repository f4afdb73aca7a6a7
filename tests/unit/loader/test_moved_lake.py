"""A data directory that was moved or copied: its tables are read where they are, not where they came from."""

import hashlib
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import orjson
import pytest
from pyiceberg.catalog import Catalog

import collector
from common.catalog import CONVERSATIONS, open_catalog, open_table
from common.errors import AnalyticsError
from common.extract_progress import progress_properties
from common.loader_results import ExtractResult, LoadResult
from common.paths import DataPaths
from common.settings import load_settings
from loader import extract, load, refill
from loader.table_maintenance import maintain
from records import open_store


@dataclass(frozen=True)
class Ran:
    """What one pass over a data directory did."""

    restored: int
    extracted: ExtractResult
    loaded: LoadResult
    catalog: Catalog
    sessions: list[str]


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    """A transcript to which lines are added."""
    path = tmp_path / "transcripts" / "projects" / "-home-me" / "one.jsonl"
    path.parent.mkdir(parents=True)
    return path


def _write(transcript: Path, *names: str) -> None:
    with transcript.open("ab") as file:
        for name in names:
            line = {"type": "user", "uuid": name, "sessionId": name, "message": {"role": "user", "content": name}}
            file.write(orjson.dumps(line) + b"\n")


def _run(data: Path, transcript: Path) -> Ran:
    settings = load_settings(data_dir=data, transcripts_dir=transcript.parents[1])
    catalog = open_catalog(settings)
    work = DataPaths.of(settings).duckdb.work_database
    with closing(open_store(settings)) as store:
        restored = refill(store, catalog)
        collector.collect(store, settings.transcripts_dir, "host", lambda _: None)
        extracted = extract(store, catalog)
    loaded = load(catalog, work, settings=settings)
    with duckdb.connect(str(work), read_only=True) as connection:
        rows = connection.execute("select session_id from raw.conversations order by 1").fetchall()
    return Ran(restored, extracted, loaded, catalog, [session for (session,) in rows])


def _bytes_below(folder: Path) -> dict[Path, str]:
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def _locations(catalog: Catalog) -> list[str]:
    table = open_table(catalog, CONVERSATIONS)
    return [table.metadata_location, *(task.file.file_path for task in table.scan().plan_files())]


@pytest.mark.parametrize("is_copy", [True, False])
def test_what_was_moved_goes_on_where_it_is(tmp_path: Path, transcript: Path, is_copy: bool) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    _write(transcript, "a", "b")
    _run(old, transcript)
    _write(transcript, "c")
    progress = progress_properties(open_table(_run(old, transcript).catalog, CONVERSATIONS))
    if is_copy:
        shutil.copytree(old, new)
    else:
        old.rename(new)
    before = _bytes_below(old)
    moved = open_table(open_catalog(load_settings(data_dir=new)), CONVERSATIONS)
    assert progress_properties(moved) == progress
    assert progress
    _write(transcript, "d")
    done = _run(new, transcript)
    assert (done.restored, done.extracted.documents, done.loaded.rows) == (0, 1, 1)
    assert done.sessions == ["a", "b", "c", "d"]
    assert all(location.startswith(f"{new}/iceberg/warehouse/") for location in _locations(done.catalog))
    maintain(done.catalog)
    assert _run(new, transcript).sessions == ["a", "b", "c", "d"]
    assert _bytes_below(old) == before


def test_another_name_of_the_same_folder_is_no_move(tmp_path: Path, transcript: Path) -> None:
    _write(transcript, "a")
    locations = _locations(_run(tmp_path / "data", transcript).catalog)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert _locations(open_catalog(load_settings(data_dir=tmp_path / "link"))) == locations


def test_a_table_whose_files_were_left_behind_is_said(tmp_path: Path, transcript: Path) -> None:
    _write(transcript, "a")
    _run(tmp_path / "old", transcript)
    shutil.copytree(tmp_path / "old", tmp_path / "new", ignore=shutil.ignore_patterns("warehouse"))
    with pytest.raises(AnalyticsError, match=r"expected .*metadata\.json, .* delete .*new/iceberg: the next run"):
        open_catalog(load_settings(data_dir=tmp_path / "new"))
