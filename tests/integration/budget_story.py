"""A history that grows by days, projects and branches, whole runs over it, and what the terminal says of budgets."""

import json
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cli.quick.start import run as quick
from scheduler.alerts import Alerts
from scheduler.run_result import RunResult
from scheduler.runner import Runner, open_history
from standalone.engine import Engine

TODAY = datetime.now(UTC).date()
LAST = TODAY.replace(day=1) - timedelta(days=1)
"""The last day of the month that is closed; the one before it stays open."""
MONTH, BEFORE = f"{LAST:%Y-%m}", f"{LAST.replace(day=1) - timedelta(days=1):%Y-%m}"
RULES = """
rules:
  - {path: /w/acme/web, ticket: '[A-Z]+-[0-9]+', cost_centre: 'acme {ticket}', team: web}
  - {path: /w/acme/web, cost_centre: acme web, team: web}
  - {path: /w/acme, branch: 'release/*', cost_centre: releases, team: api}
budgets:
  - {name: web, amount: 10, currency: EUR, period: month, team: web, alerts: [50, 100]}
  - {name: no rate, amount: 10, currency: CHF, period: month}
"""
CHANGED = RULES.replace("cost_centre: releases", "cost_centre: shipping")


class Story:
    """A history that grows, a run after each change, and what the terminal said then."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder, self.engine = folder, engine
        self.told: list[str] = []
        self.seen: dict[str, Any] = {}
        self._lines = 0

    def write(self, name: str, day: date, cwd: str, branch: str | None, tokens: int, count: int = 1) -> None:
        """Add answers of a session to its transcript."""
        file = self.folder / "projects" / cwd.replace("/", "-") / f"{name}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as stream:
            for _ in range(count):
                self._lines += 1
                usage = {"input_tokens": tokens + self._lines, "output_tokens": 7 * self._lines}
                message = {"id": f"m{self._lines}", "model": "claude-opus-4-6", "content": [], "usage": usage}
                stream.write(
                    json.dumps(
                        {
                            "type": "assistant",
                            "uuid": f"u{self._lines}",
                            "sessionId": name,
                            "timestamp": f"{day}T12:{self._lines % 60:02d}:00Z",
                            "cwd": cwd,
                            "gitBranch": branch,
                            "message": message | {"stop_reason": "end_turn"},
                        }
                    )
                    + "\n"
                )

    def run(self, *, full_refresh: bool = False) -> RunResult:
        """Run the whole pipeline, with a scheduler that has just been started."""
        settings = self.engine.settings
        alerts = Alerts(open_history(settings), settings, {"list": lambda _, text: self.told.append(text)})
        result = Runner(self.engine.parts(), settings, alerts=alerts).pipeline("command", full_refresh=full_refresh)
        assert result.status in ("succeeded", "unchanged"), result.message
        return result

    def rules(self, text: str) -> None:
        """Write the file of cost centres."""
        (self.folder / "data" / "cost-centres.yaml").write_text(text)


class Terminal:
    """The commands, and what they print."""

    def __init__(self, story: Story, capsys: pytest.CaptureFixture[str]) -> None:
        self._data, self._capsys = story.folder / "data", capsys

    def __call__(self, command: str, *options: str) -> Any:
        """Return a command's JSON."""
        code, text = self.text(command, *options, "--json")
        assert code == 0, text
        return json.loads(text)

    def text(self, command: str, *options: str) -> tuple[int, str]:
        """Return exit code and text."""
        self._capsys.readouterr()
        code = quick(command, [*options, "--data", str(self._data)])
        out, err = self._capsys.readouterr()
        return code, out + err


def database(story: Story) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(story.folder / "data/duckdb/analytics.db"), read_only=True)


def by_cost_centre(statement: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in statement["rows"]:
        found[row["costCentre"]] = round(found.get(row["costCentre"], 0) + row["amountUSD"], 2)
    return found


def adds_up(story: Story, statement: dict[str, Any]) -> bool:
    """Whether the rows, the total and the sum of all responses are the same to the cent."""
    month = int(statement["month"].replace("-", ""))
    sql = (
        "select round(sum(cost_usd::decimal(28, 10)), 2)::double from marts.fct_api_requests where date_key // 100 = ?"
    )
    with closing(database(story)) as connection:
        [(total,)] = connection.execute(sql, [month]).fetchall()
    rows = round(sum(row["amountUSD"] for row in statement["rows"]), 2)
    euros = round(sum(row["amount"] for row in statement["rows"]), 2)
    return bool(rows == statement["totalUSD"] == total and euros == statement["total"])
