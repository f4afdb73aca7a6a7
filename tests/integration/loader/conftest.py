"""A MongoDB and a lake for each test of the extract."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog import Catalog
from pymongo.collection import Collection
from pymongo.database import Database

from common.catalog import CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES, open_catalog, open_table
from common.loader_results import ExtractResult
from common.settings import Settings, load_settings
from loader.extract import extract
from records.mongo_store import MongoStore
from tests.integration.weed import rest_catalog

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(mongo_database: Database[dict[str, Any]]) -> Database[dict[str, Any]]:
    """An empty database."""
    return mongo_database


class Extraction:
    """Documents on one side, the Iceberg table on the other."""

    def __init__(self, database: Database[dict[str, Any]], catalog: Catalog) -> None:
        self.database, self.catalog = database, catalog
        self.conversations: Collection[dict[str, Any]] = database.conversations

    def insert(self, *names: Any, at: datetime | list[datetime] | str | None = LONG_AGO, **fields: Any) -> None:
        """Documents with these ids, all ingested at one moment (None: without the field)."""
        moment = {} if at is None else {"ingestedAt": at}
        self.conversations.insert_many([{"_id": name, **moment, **fields} for name in names])

    def run(self, **options: Any) -> ExtractResult:
        """One extract."""
        return extract(MongoStore(self.database), self.catalog, **options)

    def ids(self) -> list[str]:
        """The ids in the table, as often as they are there."""
        table = open_table(self.catalog, CONVERSATIONS)
        ids: list[str] = table.scan(selected_fields=("document_id",)).to_arrow()["document_id"].to_pylist()
        return sorted(ids)

    def documents(self) -> dict[str, str]:
        """Document by id."""
        rows = open_table(self.catalog, CONVERSATIONS).scan().to_arrow().to_pylist()
        return {row["document_id"]: row["document"] for row in rows}


@pytest.fixture(scope="session")
def rest_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The REST catalog and the S3 store that the appliance uses."""
    with rest_catalog(tmp_path_factory.mktemp("weed")) as settings:
        yield settings


@pytest.fixture(params=["sqlite", "rest"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Catalog:
    """An empty lake, once on local files and once behind REST and S3."""
    if request.param == "sqlite":
        return open_catalog(load_settings(data_dir=tmp_path))
    catalog = open_catalog(request.getfixturevalue("rest_settings"))
    for name in (CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES):
        if catalog.table_exists(name):
            catalog.drop_table(name)
    return catalog


@pytest.fixture
def extraction(database: Database[dict[str, Any]], catalog: Catalog) -> Extraction:
    """An empty database and an empty lake."""
    return Extraction(database, catalog)


def minutes(count: float) -> timedelta:
    """A shorter word for it."""
    return timedelta(minutes=count)
