"""What dbt leaves behind, and what a person is told of it."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from scheduler.dbt_results import DbtNode, DbtOutcome, failing_rows, read_run_results, read_sources


def artifact(folder: Path, *results: dict[str, Any]) -> Path:
    path = folder / "artifact.json"
    path.write_text(json.dumps({"results": list(results)}), encoding="utf-8")
    return path


def result(unique_id: str, status: str, **more: Any) -> dict[str, Any]:
    return {"unique_id": unique_id, "status": status, "execution_time": 0.5, "adapter_response": {}} | more


def test_a_test_brings_the_query_that_shows_its_rows(tmp_path: Path) -> None:
    (node,) = read_run_results(
        artifact(tmp_path, result("test.p.unique_x.abc", "fail", failures=2, compiled_code="\nselect 1\n"))
    )
    assert (node.name, node.resource_type, node.failures, node.query) == ("unique_x", "test", 2, "select 1")
    assert node.failed


def test_stored_failures_are_read_from_their_table(tmp_path: Path) -> None:
    stored = result("test.p.unique_x.abc", "fail", relation_name='"analytics"."audit"."unique_x"', compiled_code="x")
    (node,) = read_run_results(artifact(tmp_path, stored))
    assert node.query == 'select * from "analytics"."audit"."unique_x"'


def test_a_model_brings_its_rows_and_a_unit_test_its_models_name(tmp_path: Path) -> None:
    model = result("model.p.facts", "success", adapter_response={"rows_affected": 7}, compiled_code="select 1")
    unit = result("unit_test.p.facts.sums_agree", "pass")
    nodes = read_run_results(artifact(tmp_path, model, unit))
    assert [(node.name, node.rows, node.query) for node in nodes] == [
        ("facts", 7, None),
        ("facts.sums_agree", None, None),
    ]


def test_a_command_that_wrote_no_results_has_none(tmp_path: Path) -> None:
    assert read_run_results(tmp_path / "run_results.json") == []


@pytest.mark.parametrize(
    ("age", "message"), [(7200, "newest row is 2.0 hours old"), (63_930_984_850, "it has no rows"), (None, None)]
)
def test_a_source_says_how_old_it_is(tmp_path: Path, age: float | None, message: str | None) -> None:
    (node,) = read_sources(
        artifact(tmp_path, result("source.p.raw.conversations", "warn", max_loaded_at_time_ago_in_s=age))
    )
    assert (node.name, node.resource_type, node.message) == ("raw.conversations", "freshness", message)


def node(name: str, status: str, **more: Any) -> DbtNode:
    return DbtNode(unique_id=f"test.p.{name}", name=name, resource_type="test", status=status, **more)


def test_an_outcome_speaks_in_one_line() -> None:
    passed = DbtOutcome(command="build", success=True, nodes=[node("a", "pass"), node("b", "warn")])
    assert passed.describe() == "2 nodes passed, 1 with a warning"
    bad = node("a", "fail", failures=3, message="Got 3 results,\n  configured to fail if != 0")
    failed = DbtOutcome(command="build", success=False, nodes=[bad, node("b", "error"), node("c", "pass")])
    assert (
        failed.describe() == "test a failed with 3 rows: Got 3 results, configured to fail if != 0, and 1 more failed"
    )
    broken = DbtOutcome(command="build", success=False, error="CompilationError: no such\nmodel")
    assert broken.describe() == "dbt build failed: CompilationError: no such model"
    assert DbtOutcome(command="build", success=False).describe() == "dbt build failed: it gave no reason"


@pytest.mark.parametrize("end", [";", "-- a remark at the end"])
def test_failing_rows_are_read_as_text_and_not_all_of_them(tmp_path: Path, end: str) -> None:
    database = tmp_path / "analytics.db"
    with duckdb.connect(str(database)) as connection:
        connection.execute("create table t as select range as n, null as nothing from range(100)")
    columns, rows = failing_rows(database, f"select * from t order by n {end}", limit=2)
    assert (columns, rows) == (["n", "nothing"], [["0", None], ["1", None]])
