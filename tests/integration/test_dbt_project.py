"""The dbt project on a small history: every target builds, a late line corrects, the commands that people type work."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.integration.small_history import SmallHistory, first_load, late_load

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("staging", "intermediate", "marts", "seeds")
Dbt = Callable[..., subprocess.CompletedProcess[str]]
Tables = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    """Runs a dbt command on a database, in a process of its own, with what it makes kept out of the work tree."""
    made = tmp_path_factory.mktemp("dbt")

    def run(*args: str, database: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        settings = {
            "DUCKDB_PATH": str(database or made / "analytics.db"),
            "DBT_PROFILES_DIR": str(ROOT / "dbt"),
            "DBT_PROJECT_DIR": str(ROOT / "dbt"),
            "DBT_TARGET_PATH": str(made / "target"),
            "DBT_LOG_PATH": str(made / "logs"),
            "DBT_USE_COLORS": "false",
        }
        command = [sys.executable, "-P", "-c", "from dbt.cli.main import cli; cli()", *args]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "TIMEZONE"))}
        return subprocess.run(
            command, env=kept | settings | environment, cwd=made, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def history(tmp_path: Path) -> SmallHistory:
    """The first load of a small history."""
    made = SmallHistory(tmp_path / "analytics.db")
    first_load(made)
    return made


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


def test_the_whole_project_builds_in_memory_with_every_test(dbt: Dbt, history: SmallHistory) -> None:
    """Target test copies its raw tables from SAMPLE_RAW_PATH and passes all tests, unit tests too."""
    before = history.path.read_bytes()
    out = _passed(dbt("build", "--target", "test", SAMPLE_RAW_PATH=str(history.path)))
    assert "ERROR=0" in out
    assert "unit test" in out
    assert history.path.read_bytes() == before


def test_target_test_without_a_sample_says_what_to_set(dbt: Dbt) -> None:
    """One message that names the setting."""
    result = dbt("run", "--target", "test")
    assert result.returncode != 0
    assert "expected SAMPLE_RAW_PATH to name a DuckDB file" in result.stdout


def test_a_history_without_a_single_line_builds(dbt: Dbt, tmp_path: Path) -> None:
    """A new user sees empty tables, not an error."""
    empty = SmallHistory(tmp_path / "analytics.db")
    out = _passed(dbt("build", "--target", "prod", database=empty.path))
    assert "ERROR=0" in out
    assert _rows(empty.path, "select count(*) from marts.dim_sessions") == [(0,)]


def test_a_late_line_leaves_the_same_tables_as_a_full_refresh(dbt: Dbt, history: SmallHistory) -> None:
    """Lines that arrive late correct the old rows and everything above them, whichever session they change."""
    database = history.path
    _passed(dbt("run", "--target", "prod", database=database))
    first = _marts(database)
    late_load(history)
    _passed(dbt("run", "--target", "prod", database=database))
    incremental = _marts(database)
    _passed(dbt("run", "--target", "prod", "--full-refresh", database=database))
    assert incremental == _marts(database)
    assert first["fct_tool_calls"] != incremental["fct_tool_calls"]
    calls = "select tool_call_key, session_id, outcome from marts.fct_tool_calls where outcome = 'error'"
    assert sorted(_rows(database, calls)) == [("bash-1", "main", "error"), ("edit-1", "fork", "error")]
    copies = "select message_key from marts.fct_messages where is_copy"
    assert sorted(_rows(database, copies)) == [("c1",), ("p1",)]


def test_a_run_without_anything_new_changes_no_row(dbt: Dbt, history: SmallHistory) -> None:
    """The second run finds every table as it would make it."""
    _passed(dbt("run", "--target", "prod", database=history.path))
    first = _marts(history.path)
    _passed(dbt("run", "--target", "prod", database=history.path))
    assert _marts(history.path) == first


def test_another_timezone_or_date_range_rebuilds_the_facts(dbt: Dbt, history: SmallHistory) -> None:
    """Rows of two settings never lie in one table: the facts are built anew, and again when the setting goes back."""
    days = "select distinct date_key from marts.fct_messages order by 1"
    _passed(dbt("run", "--target", "prod", database=history.path))
    assert _rows(history.path, days) == [(20260307,), (20260308,)]
    _passed(dbt("run", "--target", "prod", database=history.path, TIMEZONE="Asia/Tokyo"))
    assert _rows(history.path, days) == [(20260308,)]
    _passed(dbt("run", "--target", "prod", "--vars", "{end_date: 2026-03-07}", database=history.path))
    assert _rows(history.path, days) == [(20260307,)]
    _passed(dbt("run", "--target", "prod", database=history.path))
    assert _rows(history.path, days) == [(20260307,), (20260308,)]


def test_dates_do_not_depend_on_the_session_that_reads_them(dbt: Dbt, history: SmallHistory) -> None:
    """The views cut days in the configured timezone, whatever TimeZone the reader has set."""
    _passed(dbt("run", "--target", "prod", "--select", "staging", database=history.path, TIMEZONE="America/New_York"))
    found = []
    for zone in ("UTC", "Asia/Tokyo", "America/Los_Angeles"):
        with duckdb.connect(history.path, read_only=True) as connection:
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
        ("seed",),
        ("run", "--select", "staging"),
        ("test", "--select", "staging", "--exclude-resource-type", "unit_test"),
        ("source", "freshness"),
    ],
    ids=" ".join,
)
def test_the_commands_that_people_type_succeed(dbt: Dbt, history: SmallHistory, command: tuple[str, ...]) -> None:
    """Each works on a database that holds nothing but raw tables and the layers a command itself needs."""
    if command[0] == "test":
        _passed(dbt("run", "--select", "staging", database=history.path))
    _passed(dbt(*command, database=history.path))


def test_the_docs_are_one_page(dbt: Dbt, history: SmallHistory, tmp_path: Path) -> None:
    """`docs generate --static` leaves a page that needs no server and names our models."""
    target = tmp_path / "target"
    _passed(dbt("docs", "generate", "--static", database=history.path, DBT_TARGET_PATH=str(target)))
    assert "fct_tool_calls" in (target / "static_index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("hours", "status", "succeeds"), [(1, "pass", True), (30, "warn", True), (49, "error", False)])
def test_freshness_warns_after_a_day_and_fails_after_two(
    dbt: Dbt, tmp_path: Path, hours: int, status: str, succeeds: bool
) -> None:
    """Freshness is the age of the newest extraction."""
    old = SmallHistory(tmp_path / "analytics.db", extracted_at=datetime.now(UTC) - timedelta(hours=hours))
    first_load(old)
    target = tmp_path / "target"
    result = dbt("source", "freshness", database=old.path, DBT_TARGET_PATH=str(target))
    sources = json.loads((target / "sources.json").read_text(encoding="utf-8"))
    assert {source["status"] for source in sources["results"]} == {status}
    assert (result.returncode == 0) is succeeds


def test_every_column_is_described_and_every_model_states_its_grain(
    dbt: Dbt, history: SmallHistory, tmp_path: Path
) -> None:
    """The columns that the tables have are the columns that the descriptions name, one for one."""
    target = tmp_path / "target"
    _passed(dbt("run", "--target", "prod", database=history.path, DBT_TARGET_PATH=str(target)))
    _passed(dbt("seed", "--target", "prod", database=history.path, DBT_TARGET_PATH=str(target)))
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")]
    described = {
        (node["schema"], node["name"], name)
        for node in nodes
        for name, column in node["columns"].items()
        if column["description"]
    }
    existing = _rows(
        history.path,
        f"select table_schema, table_name, column_name from information_schema.columns where table_schema in {LAYERS}",
    )
    assert set(existing) == described
    assert [node["name"] for node in nodes if "One row per" not in node["description"]] == []


def test_every_model_is_tested(dbt: Dbt, tmp_path: Path) -> None:
    """Each model has a test of its key."""
    target = tmp_path / "target"
    _passed(dbt("parse", DBT_TARGET_PATH=str(target)))
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    keyed = {
        node["attached_node"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name") in ("unique", "unique_together")
    }
    models = {name for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    assert models - keyed == set()


def test_only_staging_reads_the_raw_tables() -> None:
    """One layer knows what raw looks like; the folder holds no Python."""
    readers = {path for path in (ROOT / "dbt" / "models").rglob("*.sql") if "source(" in path.read_text("utf-8")}
    assert {path.parent.name for path in readers} == {"staging"}
    assert list((ROOT / "dbt").rglob("*.py")) == []
