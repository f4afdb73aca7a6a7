"""What reaches Iceberg is masked, also what was there before masking was on, and no file keeps the rest."""

import json
from pathlib import Path

import duckdb
import pyarrow.fs as pafs
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.io.pyarrow import PyArrowFileIO

import collector
from common.catalog import CONVERSATIONS, DEAD_LETTERS, open_catalog, open_table
from common.masking import MASK, Masker, rule_cache
from common.settings import Settings, load_settings
from loader.extract import extract, refill
from loader.load import load
from records.sqlite_store import SqliteStore
from records.store import EARLIEST, LATEST, StoredLine
from tests.unit.loader.planted_secrets import planted

SECRETS = [*planted(1), *planted(2)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data directory of its own."""
    return load_settings(data_dir=tmp_path / "data", fingerprint_key="a key for tests")


@pytest.fixture
def masker(settings: Settings) -> Masker:
    """A masker with a key that no file holds."""
    found = Masker.of(settings)
    assert found
    return found


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    """A record store of lines that hold a secret each, and of one that cannot be parsed."""
    lines = [
        json.dumps({"type": "user", "uuid": f"u{number}", "sessionId": "s", "message": {"content": secret.text}})
        for number, secret in enumerate(SECRETS)
    ]
    file = tmp_path / "projects" / "p" / "s.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text("".join(f"{line}\n" for line in [*lines, "{broken " + SECRETS[1].text]), encoding="utf-8")
    store = SqliteStore(tmp_path / "records.db")
    collector.collect(store, tmp_path / "projects", "laptop")
    return store


def _lines(store: SqliteStore) -> list[StoredLine]:
    return list(store.read_lines(list(store.ids_between(EARLIEST, LATEST))))


def _left_in(catalog: Catalog) -> set[str]:
    """The secrets that a file of the tables holds, of whatever snapshot."""
    found = set()
    for name in (CONVERSATIONS, DEAD_LETTERS):
        table = open_table(catalog, name)
        assert isinstance(table.io, PyArrowFileIO)
        scheme, netloc, root = PyArrowFileIO.parse_location(table.location())
        files = table.io.fs_by_scheme(scheme, netloc)
        with duckdb.connect() as connection:
            for info in files.get_file_info(pafs.FileSelector(root, allow_not_found=True, recursive=True)):
                if info.type != pafs.FileType.File:
                    continue
                content = files.open_input_file(info.path).read()
                if info.path.endswith(".parquet"):
                    content += str(connection.execute(f"from '{info.path}'").fetchall()).encode()
                found |= {secret.name for secret in SECRETS if secret.secret.encode() in content}
    return found


def test_no_file_of_iceberg_or_duckdb_holds_a_secret(
    settings: Settings, store: SqliteStore, masker: Masker, tmp_path: Path
) -> None:
    catalog, work = open_catalog(settings), tmp_path / "work" / "analytics.db"
    assert extract(store, catalog, masker=masker).documents == len(SECRETS)
    load(catalog, work, settings=settings)
    assert _left_in(catalog) == set()
    with duckdb.connect(work, read_only=True) as connection:
        tables = ("conversations", "dead_letters")
        everything = str([connection.execute(f"from raw.{name}").fetchall() for name in tables])
        counted = connection.execute("select count(distinct fingerprint) from raw.masked_secrets").fetchone()
    assert [secret.name for secret in SECRETS if secret.secret in everything] == []
    assert counted == (len({secret.secret for secret in SECRETS}),)
    kept = b"".join(line.content for line in _lines(store))
    assert all(secret.secret.encode() in kept for secret in SECRETS if secret.name != "private key")


def test_turning_masking_on_masks_what_is_there_and_off_brings_it_back(
    settings: Settings, store: SqliteStore, masker: Masker, tmp_path: Path
) -> None:
    catalog, work = open_catalog(settings), tmp_path / "work" / "analytics.db"
    extract(store, catalog)
    load(catalog, work, settings=settings)
    assert len(_left_in(catalog)) == len({secret.name for secret in SECRETS})

    assert extract(store, catalog, masker=masker).documents == len(SECRETS)
    assert _left_in(catalog) == set()
    assert load(catalog, work, settings=settings).full
    content = work.read_bytes()
    assert [secret.name for secret in SECRETS if secret.secret.encode() in content] == []
    assert extract(store, catalog, masker=masker).documents == 0

    assert extract(store, catalog).documents == len(SECRETS)
    assert len(_left_in(catalog)) == len({secret.name for secret in SECRETS})


def test_another_key_masks_everything_again(settings: Settings, store: SqliteStore, masker: Masker) -> None:
    catalog = open_catalog(settings)
    extract(store, catalog, masker=masker)
    assert extract(store, catalog, masker=Masker(b"another key", rule_cache(settings))).documents == len(SECRETS)
    assert _left_in(catalog) == set()


def test_a_record_store_that_lost_its_lines_gets_them_back_masked(
    settings: Settings, store: SqliteStore, masker: Masker, tmp_path: Path
) -> None:
    """Iceberg has no more to give; the ids are those of the lines as they were, so that nothing is read twice."""
    catalog = open_catalog(settings)
    extract(store, catalog, masker=masker)
    empty = SqliteStore(tmp_path / "empty.db")
    assert refill(empty, catalog) == len(SECRETS)
    assert all(MASK.search(line.content.decode()) for line in _lines(empty))
    assert collector.collect(empty, tmp_path / "projects", "laptop").documents == 0
    assert extract(empty, catalog, masker=masker).documents == 0
