"""The dbt project on a small history: every target builds, a late line corrects, the commands that people type work.

Tests of another timezone or target stand at the end: dbt parses the whole project again after each such change.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cli.published_summary import summarise
from common.paths import DataPaths
from common.settings import load_settings
from dashboards.card_query import opened, run_card, shown_columns
from dashboards.definitions import load_catalog
from report.export import export_csv
from report.html import write_report
from tests.dbt_forks import Forks
from tests.forked import SOCKETS
from tests.integration.small_history import SmallHistory, first_load, late_load

ROOT = Path(__file__).resolve().parents[2]
PASSED_ON = {
    "int_messages_enriched": "fct_messages",
    "int_sessions_computed": "dim_sessions",
    "int_tool_usage": "fct_tool_calls",
}
"""Views whose rows become those of a table, one by one."""
NO_BUILD_READS = {"stg_text_facts"}
"""Views that only the removal of texts asks, for some lines: a test would derive the facts of every text at once."""
LAYERS = ("staging", "intermediate", "marts", "seeds")
ZONE = "America/New_York"
CATALOG = load_catalog()
RUN = ("run", "--target", "prod", "--no-write-json")
"""Without the manifest, which takes longer to write than some models."""
WITHOUT_TESTS = ("build", "--target", "prod", "--exclude-resource-type", "test", "exposure")
Dbt = Callable[..., subprocess.CompletedProcess[str]]
Tables = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that takes what dbt makes, so that nothing lands in the work tree."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="module")
def dbt(scratch: Path, dbt_forks: Forks) -> Dbt:
    """Runs a dbt command in its own process, on a database that lies at one place meanwhile."""
    command_line = dbt_forks.command_line()
    place = scratch / "analytics.db"

    def run(*args: str, database: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        settings = {
            "DUCKDB_PATH": str(place), "DBT_TARGET": "prod", "TIMEZONE": ZONE, "DBT_USE_COLORS": "false",
            "DBT_PROFILES_DIR": str(ROOT / "dbt"), "DBT_PROJECT_DIR": str(ROOT / "dbt"),
            "DBT_TARGET_PATH": str(scratch / "target"), "DBT_LOG_PATH": str(scratch / "logs"),
        }  # fmt: skip
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("DBT_") or name == SOCKETS["dbt"]
        }
        if database:
            database.rename(place)
        command, variables = [*command_line, *args], kept | settings | environment
        result = subprocess.run(command, env=variables, cwd=scratch, capture_output=True, text=True, check=False)
        if database:
            place.rename(database)
        return result

    return run


@pytest.fixture(scope="module")
def built(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> SmallHistory:
    """The first load of a small history with every model built on it. Only to be read: see `history`."""
    first = SmallHistory(tmp_path_factory.mktemp("built") / "analytics.db")
    first_load(first)
    _passed(dbt(*WITHOUT_TESTS, database=first.path))
    return first


@pytest.fixture
def history(built: SmallHistory, tmp_path: Path) -> SmallHistory:
    """A copy of the built history that a test may add to."""
    return replace(built, path=Path(shutil.copy(built.path, tmp_path)))


@pytest.fixture(scope="module")
def manifest(built: SmallHistory, scratch: Path) -> dict[str, Any]:
    """What dbt knows of the project after it built it."""
    assert built.path.exists()
    parsed: dict[str, Any] = json.loads((scratch / "target" / "manifest.json").read_text(encoding="utf-8"))
    return parsed


def _passed(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    return result.stdout


def _marts(database: Path) -> Tables:
    with duckdb.connect(database, read_only=True) as connection:
        names = connection.sql("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        return {
            name: connection.sql(f"select * from marts.{name} order by all").fetchall() for (name,) in sorted(names)
        }


def _rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(database, read_only=True) as connection:
        return connection.sql(query).fetchall()


def test_a_late_line_leaves_the_same_tables_as_a_full_refresh(dbt: Dbt, history: SmallHistory) -> None:
    """Lines that arrive late correct the old rows and everything above them, whichever session they change."""
    database, before = history.path, _marts(history.path)
    late_load(history)
    _passed(dbt(*RUN, database=database, BUILT_LOAD_ID="1"))
    incremental = _marts(database)
    calls = "select tool_use_id, session_id, outcome from marts.fct_tool_calls where outcome = 'error'"
    assert sorted(_rows(database, calls)) == [("bash-1", "main", "error"), ("edit-1", "fork", "error")]
    copies = "select message_key from marts.fct_messages where is_copy"
    assert sorted(_rows(database, copies)) == [("c1",), ("p1",)]
    _passed(dbt(*RUN, "--full-refresh", database=database))
    assert _marts(database) == incremental
    assert before["fct_tool_calls"] != incremental["fct_tool_calls"]


def test_a_run_without_anything_new_changes_no_row(dbt: Dbt, history: SmallHistory) -> None:
    """The second run finds every table as it would make it."""
    before = _marts(history.path)
    _passed(dbt(*RUN, database=history.path, BUILT_LOAD_ID="1"))
    assert _marts(history.path) == before


def test_what_a_build_writes_is_all_in_the_list_of_what_it_tests(manifest: dict[str, Any]) -> None:
    kinds = ("table", "incremental")
    nodes = manifest["nodes"].values()
    tables = {node["unique_id"] for node in nodes if node["config"].get("materialized") in kinds}
    [test] = [node for node in nodes if node["name"] == "assert_the_rows_that_a_build_wrote_hold"]
    assert set(test["depends_on"]["nodes"]) == tables


def test_dates_do_not_depend_on_the_session_that_reads_them(built: SmallHistory) -> None:
    """The views cut days in the configured timezone, whatever TimeZone the reader has set."""
    found = []
    for zone in ("UTC", "Asia/Tokyo", "America/Los_Angeles"):
        with duckdb.connect(built.path, read_only=True) as connection:
            connection.execute(f"set TimeZone = '{zone}'")
            query = "select conversation_id, event_date from staging.stg_conversations order by 1"
            found.append(connection.sql(query).fetchall())
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    "command",
    [
        ("deps",),
        ("parse",),
        ("debug",),
        ("ls",),
        ("compile",),
        ("run", "--select", "dim_sessions+"),
        ("test", "--select", "staging", "--exclude-resource-type", "unit_test"),
    ],
    ids=" ".join,
)
def test_the_commands_that_people_type_succeed(dbt: Dbt, history: SmallHistory, command: tuple[str, ...]) -> None:
    """Each ends without an error or a warning of dbt's own."""
    _passed(dbt(*command, database=history.path))


def test_the_docs_are_one_page(dbt: Dbt, history: SmallHistory, scratch: Path) -> None:
    """`docs generate --static` leaves a page that needs no server and names our models."""
    _passed(dbt("docs", "generate", "--static", database=history.path))
    assert "fct_tool_calls" in (scratch / "target" / "static_index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("hours", "status", "succeeds"), [(1, "pass", True), (30, "warn", True), (49, "error", False)])
def test_freshness_warns_after_a_day_and_fails_after_two(
    dbt: Dbt, scratch: Path, tmp_path: Path, hours: int, status: str, succeeds: bool
) -> None:
    """Freshness is the age of the newest extraction."""
    old = SmallHistory(tmp_path / "analytics.db", extracted_at=datetime.now(UTC) - timedelta(hours=hours))
    first_load(old)
    result = dbt("source", "freshness", "--select", "source:raw.conversations", database=old.path)
    sources = json.loads((scratch / "target" / "sources.json").read_text(encoding="utf-8"))
    assert {source["status"] for source in sources["results"]} == {status}
    assert (result.returncode == 0) is succeeds


def test_every_column_is_described_and_every_model_states_its_grain(
    built: SmallHistory, manifest: dict[str, Any]
) -> None:
    """The columns that the tables have are the columns that the descriptions name, one for one."""
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")]
    described = {
        (node["schema"], node["name"], name)
        for node in nodes
        for name, column in node["columns"].items()
        if column["description"]
    }
    existing = _rows(
        built.path,
        f"select table_schema, table_name, column_name from information_schema.columns where table_schema in {LAYERS}",
    )
    assert set(existing) == described
    assert [node["name"] for node in nodes if "One row per" not in node["description"]] == []


def test_every_model_has_a_test_of_its_key(manifest: dict[str, Any]) -> None:
    """No model goes without one of the two tests that find a row which is there twice.

    A view that a table passes on row by row is tested there: a test of the view would compute it once more.
    """
    keyed = {
        node["attached_node"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name") in ("unique", "unique_together")
    }
    models = {name for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    unkeyed = {name.rpartition(".")[2] for name in models - keyed}
    assert unkeyed == PASSED_ON.keys() | NO_BUILD_READS
    read = {name for node in manifest["nodes"].values() for name in node["depends_on"].get("nodes", [])}
    assert read & {f"model.claude_analytics.{view}" for view in NO_BUILD_READS} == set()
    for view, table in PASSED_ON.items():
        node = manifest["nodes"][f"model.claude_analytics.{table}"]
        assert node["unique_id"] in keyed
        assert f"model.claude_analytics.{view}" in node["depends_on"]["nodes"]


def test_only_staging_reads_the_raw_tables() -> None:
    """One layer knows what raw looks like; the folder holds no Python."""
    readers = {path for path in (ROOT / "dbt" / "models").rglob("*.sql") if "source(" in path.read_text("utf-8")}
    assert {path.parent.name for path in readers} == {"staging"}
    assert list((ROOT / "dbt").rglob("*.py")) == []


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_a_broken_clock_stops_nothing(dbt: Dbt, tmp_path: Path, zone: str) -> None:
    """What it dates counts, and neither the history's bounds nor its newest line nor the report are its doing."""
    odd = SmallHistory(tmp_path / "analytics.db")
    for session, at in (("first", datetime(1, 1, 1, tzinfo=UTC)), ("last", datetime(9999, 12, 31, 23, tzinfo=UTC))):
        odd.prompt(f"p-{session}", 0, session, "Hi", event_at=at)
        odd.call(f"c-{session}", 0, session, "Edit", f"edit-{session}", event_at=at)
    odd.prompt("p1", 0, "main", "Hi")
    odd.commit()
    _passed(dbt(*WITHOUT_TESTS, "--no-write-json", database=odd.path, TIMEZONE=zone))
    place = DataPaths.of(load_settings(data_dir=tmp_path)).duckdb.published_database
    place.parent.mkdir(parents=True)
    odd.path.rename(place)
    found = summarise(load_settings(data_dir=tmp_path))
    assert (found.first_date, found.prompts) == (found.last_date, 3)
    with opened(place, zone) as connection:
        for key, shown in {"trust.freshness": "2026-03-0", "rhythm.current_streak": "1", "code.files": "0"}.items():
            [name] = shown_columns(CATALOG, CATALOG.cards[key])
            assert str(run_card(connection, CATALOG, CATALOG.cards[key]).rows[-1][name]).startswith(shown), key
    write_report(place, tmp_path / "report.html", timezone=zone)
    export_csv(place, tmp_path / "csv", timezone=zone)


def test_another_timezone_or_date_range_rebuilds_the_facts(dbt: Dbt, history: SmallHistory) -> None:
    """Rows of two settings never lie in one table: an ordinary run builds the facts again."""
    days = "select distinct date_key from marts.fct_messages order by 1"
    assert _rows(history.path, days) == [(20260307,), (20260308,)]
    facts = (*RUN, "--select", "+fct_messages")
    _passed(dbt(*facts, database=history.path, TIMEZONE="Asia/Tokyo"))
    assert _rows(history.path, days) == [(20260308,)]
    _passed(dbt(*facts, "--vars", "{end_date: 2026-03-07}", database=history.path))
    assert _rows(history.path, days) == [(20260307,)]


def test_the_whole_project_builds_in_memory_with_every_test(dbt: Dbt, history: SmallHistory) -> None:
    """Target test copies its raw tables from SAMPLE_RAW_PATH and passes all tests, unit tests too."""
    before = history.path.read_bytes()
    out = _passed(dbt("build", "--target", "test", "--no-write-json", SAMPLE_RAW_PATH=str(history.path)))
    assert "ERROR=0" in out
    assert "unit test" in out
    assert history.path.read_bytes() == before


def test_target_test_without_a_sample_says_what_to_set(dbt: Dbt) -> None:
    """One message that names the setting."""
    result = dbt("run", "--target", "test")
    assert result.returncode != 0
    assert "expected SAMPLE_RAW_PATH to name a DuckDB file" in result.stdout
