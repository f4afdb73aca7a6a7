"""The report's figures over a demo's database: each card shows what its SQL gives, and the same data the same page."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboards.card_query import opened, run_card
from dashboards.definitions import Catalog, load_catalog
from report.html import write_report
from report.payload import Encoded, encode_catalog
from report.readers import readers
from report.vega import Vega

ZONE = "America/St_Johns"
PERIODS = {
    "a month": {"date_from": "2026-01-01", "date_to": "2026-01-31"},
    "everything": {"date_from": "2000-01-01", "date_to": "2100-01-01"},
}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def database(demo: Path) -> Path:
    return demo / "duckdb" / "current" / "analytics.db"


@pytest.fixture(scope="module")
def connection(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(database, ZONE) as open_database:
        yield open_database


def _encoded(connection: duckdb.DuckDBPyConnection, catalog: Catalog, folder: Path, period: dict[str, str]) -> Encoded:
    with readers(connection) as threads:
        return encode_catalog(connection, threads, catalog, Vega(folder), **period)


def _sorted(rows: list[dict[str, Any]]) -> list[tuple[str, list[float]]]:
    """Rows that can be compared, since ties come in any order: what is no float, and the floats."""
    split = [
        (
            repr([value for value in row.values() if not isinstance(value, float)]),
            [value for value in row.values() if isinstance(value, float)],
        )
        for row in rows
    ]
    return sorted(split)


@pytest.mark.parametrize("period", PERIODS.values(), ids=PERIODS.keys())
def test_every_card_shows_what_its_own_statement_gives(
    connection: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    tmp_path_factory: pytest.TempPathFactory,
    period: dict[str, str],
) -> None:
    vega = tmp_path_factory.getbasetemp() / "vega"
    encoded = _encoded(connection, catalog, vega, period)
    for key, card in catalog.cards.items():
        whole = card.model_copy(update={"limit": None})
        expected = run_card(connection, catalog, whole, **period)
        shown = encoded.shown[key]
        assert (shown.total, shown.missing) == (len(expected.rows), None), key
        if card.limit is None or shown.total <= card.limit:
            for (here, floats), (there, others) in zip(_sorted(shown.rows), _sorted(expected.rows), strict=True):
                assert here == there, key
                assert floats == pytest.approx(others), key


def test_what_was_held_is_gone_afterwards(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = connection.execute("select database_name from duckdb_databases() where not internal").fetchall()
    _encoded(connection, catalog, tmp_path_factory.getbasetemp() / "vega", PERIODS["a month"])
    assert connection.execute("select database_name from duckdb_databases() where not internal").fetchall() == before


def test_the_same_database_gives_the_same_bytes(database: Path, tmp_path: Path) -> None:
    pages = []
    for name in ("first", "second"):
        target = tmp_path / name / "report.html"
        write_report(database, target, timezone=ZONE, vega_dir=tmp_path / "vega")
        pages.append(re.sub(r"Made [-\d]+ [:\d]+", "", target.read_text(encoding="utf-8")))
    assert pages[0] == pages[1]
