"""What the loader's tests share: a lake on a temporary folder, and documents put straight into its Iceberg table."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog

from common.catalog import CONVERSATIONS, open_catalog, open_table
from common.loader_results import LoadResult
from common.settings import Settings, load_settings
from loader.load import load

Document = dict[str, Any]


class Lake:
    """An Iceberg table of documents and the work database that a load fills from it."""

    def __init__(self, folder: Path) -> None:
        self.settings: Settings = load_settings(data_dir=folder)
        self.catalog: Catalog = open_catalog(self.settings)
        self.work = folder / "duckdb" / "work" / "analytics.db"
        self._moment = datetime(2026, 1, 1, tzinfo=UTC)

    def append(self, *documents: Document | str) -> None:
        """One commit of documents; a string is put as it is."""
        table = open_table(self.catalog, CONVERSATIONS)
        self._moment += timedelta(seconds=1)
        rows = [self._row(document) for document in documents]
        table.append(pa.Table.from_pylist(rows, schema=table.schema().as_arrow()))

    def append_as(self, name: str, text: str) -> None:
        """One commit of one document, of any text under a name."""
        table = open_table(self.catalog, CONVERSATIONS)
        self._moment += timedelta(seconds=1)
        row = self._row(text) | {"document_id": name}
        table.append(pa.Table.from_pylist([row], schema=table.schema().as_arrow()))

    def _row(self, document: Document | str) -> dict[str, Any]:
        text = document if isinstance(document, str) else orjson.dumps(document).decode()
        name = document.get("_id", str(hash(text))) if isinstance(document, dict) else str(hash(text))
        return {"document_id": name, "ingested_at": self._moment, "extracted_at": self._moment, "document": text}

    def load(self, **options: Any) -> LoadResult:
        """Bring the work database up to the table."""
        return load(self.catalog, self.work, settings=self.settings, **options)

    def rows(self, sql: str = "select * from raw.conversations order by conversation_id") -> list[dict[str, Any]]:
        """Rows of the work database, by column name."""
        with duckdb.connect(str(self.work), read_only=True) as connection:
            result = connection.sql(sql)
            return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(tmp_path)


@pytest.fixture
def flatten(lake: Lake) -> Callable[..., list[dict[str, Any]]]:
    """The raw rows of a few documents."""

    def rows_of(*documents: Document | str) -> list[dict[str, Any]]:
        lake.append(*documents)
        lake.load()
        return lake.rows()

    return rows_of
