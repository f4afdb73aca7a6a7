"""The raw tables of the generated sample in a separate DuckDB file, for dbt's target `test`."""

import hashlib
import shutil
from contextlib import closing
from datetime import date
from pathlib import Path

import collector
import loader
from common.catalog import open_catalog
from common.paths import DATABASE_FILE, DataPaths
from common.settings import load_settings
from records.sqlite_store import SqliteStore
from sample.transcripts import write_sample

ROOT = Path(__file__).resolve().parent.parent
UNTIL = date(2026, 6, 30)
"""The sample's last day here: fixed, so that the same code gives the same rows."""


def sample_raw(folder: Path) -> Path:
    """Return the file, written by collector and loader as in a run, and rewritten when their code changes."""
    sample = folder / f"sample-{_fingerprint()}"
    if not sample.exists():
        shutil.rmtree(temporary := folder / "sample.tmp", ignore_errors=True)
        _make(temporary)
        for old in folder.glob("sample-*"):
            shutil.rmtree(old)
        temporary.rename(sample)
    return sample / DATABASE_FILE


def _make(folder: Path) -> None:
    transcripts = folder / "transcripts"
    write_sample(transcripts, until=UNTIL)
    settings = load_settings(data_dir=folder).model_copy(update={"iceberg_rest_uri": None, "duckdb_path": None})
    with closing(SqliteStore(DataPaths.of(settings).records)) as store:
        collector.collect(store, transcripts, "sample")
        catalog = open_catalog(settings)
        loader.extract(store, catalog)
    loader.load(catalog, folder / DATABASE_FILE, settings=settings)
    for name in ("records", "iceberg", "transcripts"):
        shutil.rmtree(folder / name)


def _fingerprint() -> str:
    """Return a fingerprint of the code that determines the raw tables."""
    digest = hashlib.sha256()
    for pattern in ("collector/*.py", "loader/*.py", "loader/*.sql", "records/*.py", "common/*.py", "sample/*.py"):
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
