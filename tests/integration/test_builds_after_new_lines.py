"""A build after new lines gives what a build from nothing gives, and either refuses a fault in whatever it writes.

More histories: RANDOM_HISTORIES=2000 RANDOM_SEED=7 ./analytics test tests/integration/test_builds_after_new_lines.py
"""

import json
import os
import random
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from scheduler.dbt_project import DbtOutcome, DbtProject
from scheduler.dbt_results import failing_rows
from tests.integration.random_history import History
from tests.integration.warehouse import ROOT, Warehouse

COUNT = int(os.environ.get("RANDOM_HISTORIES", "80"))
SEED = int(os.environ.get("RANDOM_SEED", "1")) * 1_000_000
LOADS = 4
MODELS = "models:\n  claude_analytics:\n"
FROM_NOTHING = ["build", "--full-refresh", "--no-write-json", "--exclude-resource-type", "test", "unit_test"]
"""Without tests: test_random_histories.py has the whole of them over such histories."""
TEST = "assert_the_rows_that_a_build_wrote_hold"
VIEWS_TEST = "assert_views_and_seeds_hold"
ONE_QUERY_HAS = (
    *("not_null", "never_null", "not_negative", "holds", "accepted_values"),
    *("unique", "unique_together", "relationships"),
)
"""Tests that macros/checks_of_rows.sql knows."""
OF_THE_RUNS = ("fct_dbt_results", "fct_pipeline_runs")
PLANT = """
{%- macro plant() -%}
    {%- if execute and model.resource_type == 'model' and model.config.materialized in ['table', 'incremental'] -%}
        {%- set columns = [] -%}
        {%- for test in graph.nodes.values() if test.attached_node == model.unique_id -%}
            {%- if test.test_metadata.name == 'not_null' -%}
                {%- do columns.append(test.test_metadata.kwargs['column_name']) -%}
            {%- elif test.test_metadata.name == 'never_null' -%}
                {%- do columns.append(test.test_metadata.kwargs['columns'][0]) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set written = 'rowid = (select min(rowid) from ' ~ this ~ ' where ' ~ is_written(model) ~ ')' -%}
        {%- if columns -%}
            update {{ this }} set {{ columns[0] }} = null where {{ written }}
        {%- else -%}
            insert into {{ this }} select * from {{ this }} where {{ written }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro -%}
"""


def _selectors(test: str, *kinds: str) -> str:
    """Return both selectors with these kinds of models and this test alone: others would stop what comes after them."""
    union = [{"method": "config.materialized", "value": kind, "indirect_selection": "empty"} for kind in kinds]
    names = ("after_new_lines", "from_nothing")
    return yaml.safe_dump({"selectors": [{"name": name, "definition": {"union": [*union, test]}} for name in names]})


def _parts() -> list[list[tuple[str, bytes]]]:
    """The lines in loads: of most histories some lines come late, and some histories are new in a later load."""
    chance = random.Random(SEED)
    parts: list[list[tuple[str, bytes]]] = [[] for _ in range(LOADS)]
    for seed in range(SEED, SEED + COUNT):
        first, late = chance.choice((0, 0, 0, *range(LOADS))), chance.choice((0.0, 0.0, 0.1, 0.5))
        for line in History(seed, odd=chance.random() < 0.3).files():
            parts[chance.randrange(first, LOADS) if chance.random() < late else first].append(line)
    return parts


def _tables(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        names = connection.execute(
            "select schema_name || '.' || table_name, 'load_id' in (select column_name from duckdb_columns() as c"
            " where c.table_oid = t.table_oid) from duckdb_tables() as t"
            " where schema_name in ('intermediate', 'marts') and not list_contains(?, table_name)",
            [list(OF_THE_RUNS)],
        ).fetchall()
        return {
            name: connection.execute(
                f"select * {'exclude (load_id)' if has_load else ''} from {name} order by all"
            ).fetchall()
            for name, has_load in names
        }


def _why(outcome: DbtOutcome) -> str:
    return f"{outcome.describe()} {outcome.error} {[(node.message, node.query) for node in outcome.failures]}"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The first load, built. Only to be copied."""
    warehouse = Warehouse(tmp_path_factory.mktemp("begun"))
    with closing(warehouse.dbt):
        warehouse.load(_parts()[0])
        outcome = warehouse.dbt.invoke(FROM_NOTHING)
        assert outcome.success, _why(outcome)
    return warehouse


def test_builds_after_new_lines_give_what_a_build_from_nothing_gives(begun: Warehouse, tmp_path: Path) -> None:
    warehouse = begun.copy(tmp_path)
    with closing(warehouse.dbt):
        for number, part in enumerate(_parts()[1:], start=1):
            warehouse.load(part)
            outcome = warehouse.dbt.build(built_load_id=number)
            assert outcome.success, _why(outcome)
        gone_on = _tables(warehouse.volume.work_database)
        outcome = warehouse.dbt.invoke(FROM_NOTHING)
        assert outcome.success, _why(outcome)
    at_once = _tables(warehouse.volume.work_database)
    assert gone_on.keys() == at_once.keys()
    for name, rows in at_once.items():
        assert gone_on[name] == rows, name


def test_a_build_refuses_a_fault_in_every_table_that_it_writes(begun: Warehouse, tmp_path: Path) -> None:
    """A row that each model writes is spoilt: the first column that is never NULL is, or the row stands twice."""
    warehouse = begun.copy(tmp_path / "data")
    written = {name for name, rows in _tables(warehouse.volume.work_database).items() if rows}
    copy = Path(shutil.copytree(ROOT / "dbt", tmp_path / "dbt", ignore=shutil.ignore_patterns("target", "logs")))
    (copy / "macros/plant.sql").write_text(PLANT, encoding="utf-8")
    described = copy / "dbt_project.yml"
    text = described.read_text(encoding="utf-8")
    described.write_text(
        text.replace(MODELS, MODELS + '    +post-hook: "{{ plant() }}"\n'),
        encoding="utf-8",
    )
    (copy / "selectors.yml").write_text(_selectors(TEST, "table", "incremental"), encoding="utf-8")
    warehouse.load([line for part in _parts()[1:] for line in part])
    with closing(DbtProject(copy, warehouse.volume, warehouse.settings)) as faulty:
        for built_load_id in (1, None):
            outcome = faulty.build(built_load_id=built_load_id)
            [test] = outcome.failures
            assert test.name == TEST
            assert test.query is not None
            _, rows = failing_rows(warehouse.volume.work_database, test.query, limit=1000)
            assert {name.split(".")[1] for name in written} - {row[0] for row in rows} == set()


def test_a_build_from_nothing_refuses_a_fault_in_every_view_and_seed(tmp_path: Path) -> None:
    """Each that has rows is replaced by a view of them that is spoilt as above; then its test is asked."""
    copy = Path(shutil.copytree(ROOT / "dbt", tmp_path / "dbt", ignore=shutil.ignore_patterns("target", "logs")))
    selectors = _selectors(VIEWS_TEST, "table", "incremental", "view", "seed")
    (copy / "selectors.yml").write_text(selectors, encoding="utf-8")
    warehouse = Warehouse(tmp_path / "data")
    warehouse.load([line for part in _parts() for line in part])
    with closing(DbtProject(copy, warehouse.volume, warehouse.settings)) as faulty:
        outcome = faulty.build()
        assert outcome.success, _why(outcome)
        nodes = _nodes(faulty)
        _is_every_test_asked(nodes)
        spoilt = _spoil(warehouse.volume.work_database, nodes)
        [test] = faulty.invoke(["test", "--selector", "from_nothing"]).failures
    assert test.name == VIEWS_TEST
    assert test.query is not None
    _, rows = failing_rows(warehouse.volume.work_database, test.query, limit=1000)
    assert len(spoilt) >= 20
    assert spoilt - {row[0] for row in rows} == set()


def _nodes(project: DbtProject) -> dict[str, Any]:
    text = (project.target_path() / "manifest.json").read_text(encoding="utf-8")
    nodes: dict[str, Any] = json.loads(text)["nodes"]
    return nodes


def _is_every_test_asked(nodes: dict[str, Any]) -> None:
    attached = [node for node in nodes.values() if node.get("attached_node") in nodes]
    tests = [node for node in attached if node["config"]["severity"] == "ERROR"]
    assert {test["test_metadata"]["name"] for test in tests} == {*ONE_QUERY_HAS, "adds_up_to_responses"}
    tested = {test["attached_node"] for test in tests if test["test_metadata"]["name"] in ONE_QUERY_HAS}
    [test] = [node for node in nodes.values() if node["name"] == VIEWS_TEST]
    asked = {name for name in tested if nodes[name]["config"]["materialized"] in ("view", "seed")}
    assert set(test["depends_on"]["nodes"]) == asked


def _spoil(database: Path, nodes: dict[str, Any]) -> set[str]:
    """Spoil a row of each view and seed that the test reads; return their names, but of those without rows."""
    [test] = [node for node in nodes.values() if node["name"] == VIEWS_TEST]
    relations = [nodes[name] for name in test["depends_on"]["nodes"]]
    spoilt = set()
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema whole")
        for node in relations:  # all at first: one is over another
            connection.execute(f"create table whole.{node['name']} as from {node['schema']}.{node['name']}")
        for node in relations:
            name, where = node["name"], f"{node['schema']}.{node['name']}"
            kind = "table" if node["resource_type"] == "seed" else "view"
            connection.execute(f"drop {kind} {where}")
            connection.execute(f"create {kind} {where} as {_spoilt(node, nodes)}")
            if connection.execute(f"select 1 from whole.{name} limit 1").fetchone():
                spoilt.add(name)
    return spoilt


def _spoilt(node: dict[str, Any], nodes: dict[str, Any]) -> str:
    tests = [test["test_metadata"] for test in nodes.values() if test.get("attached_node") == node["unique_id"]]
    given = [(test["name"], test["kwargs"]) for test in tests]
    whole = f"whole.{node['name']}"
    columns = [kwargs["column_name"] for kind, kwargs in given if kind == "not_null"]
    columns += [kwargs["columns"][0] for kind, kwargs in given if kind == "never_null"]
    if columns:
        return f"select * replace (null as {columns[0]}) from {whole}"
    return f"from {whole} union all from {whole}"
