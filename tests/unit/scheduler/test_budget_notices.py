"""What people are told of budgets: each threshold once, whatever is restarted, and nothing of periods from before."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from common.settings import Settings
from scheduler.alerts import Alerts, Notice
from scheduler.budgets.notices import budget_notices
from scheduler.history import History
from tests.integration.scheduler.small import make_settings

PERIOD: dict[str, Any] = {
    "budget_name": "web",
    "period": "month",
    "period_start": "2026-10-01",
    "is_current": True,
    "amount": 1000,
    "currency": "USD",
    "spent": 0,
    "used_share": 0,
    "forecast": None,
    "forecast_share": None,
    "thresholds": [0.5, 0.8, 1],
    "alerts_on_forecast": True,
}


class Desk:
    """The alerts of one scheduler after another, over one history and one file of budgets."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "budgets.json"
        self.settings: Settings = make_settings(folder)
        self.told: list[str] = []
        self.works = True

    def look(self, *periods: dict[str, Any]) -> list[str]:
        """Publish these periods, start a scheduler that looks, and return what it told."""
        self.file.write_text(json.dumps({"periods": [PERIOD | period for period in periods]}))
        return self.look_again()

    def look_again(self) -> list[str]:
        """Start a scheduler that looks, and return what it told."""
        alerts = Alerts(History(self.folder / "history.db"), self.settings, {"list": self._send})
        alerts.watches.clear()
        alerts.notices.append(lambda: budget_notices(self.file))
        before = len(self.told)
        alerts.check()
        return self.told[before:]

    def _send(self, subject: str, text: str) -> None:
        if not self.works:
            raise OSError
        assert subject == "claude-analytics: budgets"
        self.told += text.splitlines()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def spent(share: float, **more: Any) -> dict[str, Any]:
    return {"spent": share * 1000, "used_share": share, **more}


def test_each_threshold_is_told_once_over_any_number_of_restarts(desk: Desk) -> None:
    assert desk.look(spent(0.4)) == []
    assert desk.look(spent(0.6)) == ["Budget web, month from 2026-10-01: $600.00 of $1,000 spent (60 %)."]
    assert desk.look(spent(0.7)) == []
    assert desk.look(spent(1.1)) == ["Budget web, month from 2026-10-01: $1,100 of $1,000 spent (110 %)."]
    assert desk.look(spent(0.75)) == desk.look(spent(1.2)) == desk.look_again() == []
    assert len(desk.look(spent(0.9, period_start="2026-11-01"))) == 1


def test_a_forecast_over_the_budget_is_told_once(desk: Desk) -> None:
    over = {"forecast": 1250, "forecast_share": 1.25}
    assert desk.look(over) == [
        "Budget web, month from 2026-10-01: forecast $1,250 at the end of the period, over its $1,000."
    ]
    assert desk.look(over) == []
    assert desk.look(over | {"alerts_on_forecast": False, "period_start": "2026-11-01"}) == []


def test_a_period_that_is_over_counts_only_if_it_was_looked_at_while_it_ran(desk: Desk) -> None:
    assert desk.look(spent(2, is_current=False, period_start="2026-09-01")) == []
    assert desk.look(spent(0.4)) == []
    assert len(desk.look(spent(0.6, is_current=False))) == 1


def test_what_could_not_be_sent_is_tried_again(desk: Desk) -> None:
    desk.works = False
    assert desk.look(spent(0.6)) == []
    desk.works = True
    assert len(desk.look_again()) == 1
    assert desk.look_again() == []


def test_other_currencies_and_missing_rates(desk: Desk) -> None:
    euros = spent(0.6, currency="EUR")
    assert desk.look(euros) == ["Budget web, month from 2026-10-01: 600.00 EUR of 1,000.00 EUR spent (60 %)."]
    assert desk.look(euros | {"used_share": None, "spent": None, "period_start": "2026-11-01"}) == []


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b"\xff"])
def test_without_a_file_that_can_be_read_nothing_is_told(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "budgets.json"
    if content is not None:
        file.write_bytes(content)
    assert budget_notices(file) == []


def test_of_two_schedulers_that_look_at_once_one_tells(tmp_path: Path) -> None:
    told: list[str] = []
    start = threading.Barrier(4)

    def look() -> None:
        alerts = Alerts(
            History(tmp_path / "history.db"), make_settings(tmp_path), {"x": lambda _, text: told.append(text)}
        )
        alerts.watches.clear()
        alerts.notices.append(lambda: [Notice(("a", "b"), "once")])
        start.wait()
        alerts.check()

    History(tmp_path / "history.db")
    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["once"]


def test_a_process_killed_while_it_sends_tells_nothing_twice(desk: Desk) -> None:
    """A message that may have arrived is not sent again."""
    desk.file.write_text(json.dumps({"periods": [PERIOD | spent(0.6)]}))

    def killed(_: str, __: str) -> None:
        raise KeyboardInterrupt

    alerts = Alerts(History(desk.folder / "history.db"), desk.settings, {"x": killed})
    alerts.notices.append(lambda: budget_notices(desk.file))
    with pytest.raises(KeyboardInterrupt):
        alerts.check()
    assert desk.look_again() == []
