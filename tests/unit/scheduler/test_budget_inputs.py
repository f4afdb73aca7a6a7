"""What budgets are made with, as rows: from files that may be broken, gone or never there."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from scheduler.budgets.config import Config
from scheduler.budgets.inputs import COLUMNS, TABLE, BudgetInputs
from scheduler.budgets.remotes import known_remotes, learn_remotes, normalised, read_remote
from tests.integration.scheduler.small import make_settings

ROOT = Path(__file__).resolve().parents[3]
RULE = "rules: [{cost_centre: web}]\n"


def inputs(folder: Path, **chosen: Any) -> BudgetInputs:
    return BudgetInputs(make_settings(folder, host_name="here", **chosen))


def exported(found: BudgetInputs, cwd: Path | None = None) -> dict[str, list[dict[str, Any]]]:
    with duckdb.connect() as connection:
        connection.execute("create schema raw")
        if cwd:
            connection.execute("create table raw.conversations as select ? as cwd, 'here' as host", [str(cwd)])
        for _ in range(2):
            found.export(connection)
        kinds: dict[str, list[dict[str, Any]]] = {}
        for kind, item in connection.execute(f"select kind, item from raw.{TABLE}").fetchall():
            kinds.setdefault(kind, []).append(json.loads(item))
        return kinds


def test_without_a_file_there_is_one_row_of_settings_and_no_problem(tmp_path: Path) -> None:
    found = inputs(tmp_path)
    assert found.problem() is None
    assert exported(found) == {
        "settings": [
            {
                "as_of": None,
                "currency": None,
                "problem": None,
                "rules_digest": Config().rules_digest,
                "rules": 0,
                "budgets": 0,
            }
        ]
    }


def test_a_change_of_the_file_or_of_a_rate_is_a_change_of_the_facts(tmp_path: Path) -> None:
    found = inputs(tmp_path)
    before = found.facts()
    assert found.facts() == before
    found.file.parent.mkdir(parents=True, exist_ok=True)
    found.file.write_text(RULE)
    assert found.facts() != before
    with_rates = inputs(tmp_path, currency="EUR", currency_rates='{"EUR": 1.1}')
    assert with_rates.facts() not in (before, found.facts())
    assert exported(with_rates)["rate"] == [{"currency": "EUR", "valid_from": "1970-01-01", "usd_rate": "1.1000000000"}]


@pytest.mark.parametrize("broken", [b"rules: [", b"rules: [{team: x}]", b"\xff\xfe"])
def test_a_broken_file_leaves_the_last_valid_one_in_force_and_says_so(broken: bytes, tmp_path: Path) -> None:
    found = inputs(tmp_path)
    found.file.parent.mkdir(parents=True, exist_ok=True)
    found.file.write_bytes(broken)
    assert "until it is corrected, there are no rules and no budgets" in (found.problem() or "")
    found.file.write_text(RULE)
    assert found.problem() is None
    found.file.write_bytes(broken)
    problem = inputs(tmp_path).problem() or ""
    assert str(found.file) in problem
    assert "until it is corrected, its last valid version is used" in problem
    assert "\n" not in problem
    kinds = exported(inputs(tmp_path))
    assert kinds["rule"][0]["cost_centre"] == "web"
    assert kinds["settings"][0]["problem"] == problem


def test_a_file_that_is_gone_counts_on_until_an_empty_one_takes_its_place(tmp_path: Path) -> None:
    found = inputs(tmp_path)
    found.file.parent.mkdir(parents=True, exist_ok=True)
    found.file.write_text(RULE)
    assert found.problem() is None
    found.file.unlink()
    assert "is gone, and its last version is used" in (found.problem() or "")
    assert exported(found)["rule"][0]["cost_centre"] == "web"
    found.file.write_text("")
    assert found.problem() is None
    assert "rule" not in exported(found)


def test_dbt_creates_the_same_table_where_it_is_missing() -> None:
    macro = (ROOT / "dbt/macros/scheduler_table.sql").read_text(encoding="utf-8")
    found = re.search(rf"'{TABLE}': '([^']+)'", macro)
    assert found is not None
    assert found[1] == ", ".join(f"{column} {kind}" for column, kind in COLUMNS.items())


@pytest.mark.parametrize(
    ("url", "remote"),
    [
        ("git@github.com:acme/web.git", "github.com/acme/web"),
        ("https://me:secret@GitHub.com/acme/web.git/", "github.com/acme/web"),
        ("ssh://git@host.example:22/acme/web", "host.example:22/acme/web"),
        ("/srv/git/web.git", "/srv/git/web"),
    ],
)
def test_a_remote_has_one_spelling_and_no_password(url: str, remote: str) -> None:
    assert normalised(url) == remote


def repository(folder: Path, url: str) -> Path:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "remote", "add", "origin", url], check=True)
    return folder


def test_the_remote_of_a_repository_is_read_below_it_and_in_a_worktree(tmp_path: Path) -> None:
    web = repository(tmp_path / "web", "git@github.com:acme/web.git")
    (web / "src").mkdir()
    options = ["-c", "user.name=x", "-c", "user.email=x@x", "-C", str(web)]
    subprocess.run(["git", *options, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    subprocess.run(["git", *options, "worktree", "add", "-q", str(tmp_path / "tree")], check=True)
    assert {read_remote(folder) for folder in (web, web / "src", tmp_path / "tree")} == {"github.com/acme/web"}
    assert read_remote(tmp_path / "none") is None
    assert read_remote(Path("web")) is None


def test_a_remote_that_was_read_once_is_kept(tmp_path: Path) -> None:
    web, file = repository(tmp_path / "web", "https://host/a/web"), tmp_path / "remotes.jsonl"
    assert learn_remotes(file, [str(web), "/nowhere"]) == {str(web): "host/a/web"}
    subprocess.run(["git", "-C", str(web), "remote", "set-url", "origin", "https://host/b/web"], check=True)
    file.write_text(file.read_text() + '{"path": 5}\n{"pa')
    file.write_text(file.read_text() + "\n")
    assert learn_remotes(file, [str(web)]) == {str(web): "host/b/web"}
    subprocess.run(["rm", "-r", str(web)], check=True)
    assert learn_remotes(file, [str(web)]) == known_remotes(file) == {str(web): "host/b/web"}


def test_repositories_are_looked_at_only_where_a_rule_asks(tmp_path: Path) -> None:
    web = repository(tmp_path / "web", "https://host/a/web")
    found = inputs(tmp_path / "data")
    found.file.parent.mkdir(parents=True, exist_ok=True)
    found.file.write_text(RULE)
    assert "remote" not in exported(found, web)
    found.file.write_text("rules: [{cost_centre: web, remote: host/*}]")
    assert exported(found, web)["remote"] == [{"path": str(web), "remote": "host/a/web", "position": 0}]
