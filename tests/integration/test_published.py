"""What `status` counts in a published database."""

import shutil
from pathlib import Path

import duckdb

from cli.published_summary import summarise
from common.paths import DataPaths
from common.settings import load_settings


def test_a_machine_that_got_another_name_has_read_its_lines_once(demo: Path, tmp_path: Path) -> None:
    """Its transcripts are recorded under both names."""
    settings = load_settings(data_dir=tmp_path)
    before = summarise(load_settings(data_dir=demo))
    assert before.lines > 0
    place = DataPaths.of(settings).duckdb.published_database
    place.parent.mkdir(parents=True)
    shutil.copy(DataPaths.of(load_settings(data_dir=demo)).duckdb.published_database, place)
    place.chmod(0o600)
    with duckdb.connect(str(place)) as database:
        database.execute(
            "insert into raw.transcript_files select * replace ('renamed' as host) from raw.transcript_files"
        )
    assert summarise(settings) == before
