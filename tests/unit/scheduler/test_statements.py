"""Closed statements as files: whole or not there, unchanged for good, and one of two that close at once."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from common.private_files import LEFT_OVER
from scheduler.budgets.statements import StatementError, Statements

HEAD = ("closed_at", "reason", "currency", "usd_rate", "rate_from", "amount_usd", "rules_digest")


def statement(version: int = 1, amount: str = "12.34", month: str = "2026-10") -> dict[str, Any]:
    return dict.fromkeys(HEAD) | {"month": month, "version": version, "amount_usd": amount, "rows": [], "sources": []}


def test_a_version_stays_as_it_was_written_and_the_next_names_it(tmp_path: Path) -> None:
    statements = Statements(tmp_path / "statements")
    assert statements.latest("2026-10") is None
    assert statements.months() == []
    first = statements.add(statement())
    second = statements.add(statement(2, "12.40"))
    assert [found["amount_usd"] for found in statements.versions("2026-10")] == ["12.34", "12.40"]
    assert second["previous"] == first["sha256"]
    assert statements.latest("2026-10") == second
    assert [(kind, item["version"]) for kind, item in statements.items()] == [("statement", 1), ("statement", 2)]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "statements").iterdir()} == {0o600}


def test_of_two_that_close_at_once_one_does(tmp_path: Path) -> None:
    def attempt(number: int) -> str:
        try:
            Statements(tmp_path).add(statement(1, f"{number}.00"))
        except StatementError as error:
            return str(error)
        return "closed"

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(attempt, range(8)))
    assert said.count("closed") == 1
    assert all("check it again" in line for line in said if line != "closed")
    assert len(Statements(tmp_path).versions("2026-10")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["2026-10.v1.json"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null", b"\xff"])
def test_a_damaged_file_is_named_and_hides_no_other(damage: bytes, tmp_path: Path) -> None:
    statements = Statements(tmp_path)
    statements.add(statement())
    statements.add(statement(month="2026-11"))
    (tmp_path / "2026-10.v1.json").write_bytes(damage)
    problem = statements.problem() or ""
    assert "2026-10.v1.json" in problem
    assert "put the file back from a backup" in problem
    assert "\n" not in problem
    with pytest.raises(StatementError):
        statements.latest("2026-10")
    assert [item["month"] for _, item in statements.items()] == ["2026-11-01"]


def test_an_amount_that_somebody_changed_is_noticed(tmp_path: Path) -> None:
    statements = Statements(tmp_path)
    statements.add(statement())
    file = tmp_path / "2026-10.v1.json"
    file.write_text(file.read_text().replace("12.34", "10.00"))
    assert "its checksum differs" in (statements.problem() or "")


def test_a_version_that_is_gone_or_of_another_line_is_noticed(tmp_path: Path) -> None:
    statements, other = Statements(tmp_path / "a"), Statements(tmp_path / "b")
    for version in (1, 2):
        statements.add(statement(version))
        other.add(statement(version, "99.00"))
    first = tmp_path / "a" / "2026-10.v1.json"
    first.unlink()
    assert "expected this version before the next, found no file" in (statements.problem() or "")
    first.write_bytes((tmp_path / "b" / "2026-10.v1.json").read_bytes())
    assert "does not follow from the version before it" in (statements.problem() or "")


CLOSING = """
import sys
from pathlib import Path
from common import private_files as files
from scheduler.budgets.statements import Statements
from tests.unit.scheduler.test_statements import statement
name = sys.argv[2]
def die(*_, **__):
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)
if name == "link":
    files.Path.hardlink_to = die
elif name == "unlink":
    files.Path.unlink = die
else:
    files.os.fsync = die
Statements(Path(sys.argv[1])).add(statement())
"""


@pytest.mark.parametrize(("where", "closed"), [("fsync", False), ("link", False), ("unlink", True)])
def test_a_close_that_is_killed_anywhere_has_closed_the_month_or_not(where: str, closed: bool, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CLOSING, str(tmp_path), where], check=False)
    assert done.returncode == -signal.SIGKILL
    statements = Statements(tmp_path)
    assert statements.problem() is None
    assert (statements.latest("2026-10") is not None) == closed
    [leftover] = tmp_path.glob(f"{LEFT_OVER}*")
    os.utime(leftover, (time.time() - 7200,) * 2)
    statements.add(statement(2 if closed else 1))
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"] * (2 if closed else 1)


def test_the_file_can_be_read_by_people(tmp_path: Path) -> None:
    Statements(tmp_path).add(statement())
    assert json.loads((tmp_path / "2026-10.v1.json").read_text())["month"] == "2026-10"
