"""Alarms of drift reach people once, and only while they are news."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from common.paths import DataPaths, DuckDBVolume
from scheduler.alerts import Alerts
from scheduler.drift_alerts import tell_drift
from scheduler.history import History
from scheduler.publish import Generation
from tests.integration.scheduler.small import make_settings


class Mailbox:
    """Takes messages, or refuses them."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.refuses = False

    def __call__(self, subject: str, text: str) -> None:
        """Take a message."""
        if self.refuses:
            raise OSError("refused")
        self.texts.append(f"{subject}\n{text}")


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def alerts(tmp_path: Path, mailbox: Mailbox) -> Alerts:
    return Alerts(History(tmp_path / "history.db"), make_settings(tmp_path), {"mail": mailbox})


@pytest.fixture
def volume(tmp_path: Path) -> DuckDBVolume:
    return DataPaths.of(make_settings(tmp_path)).duckdb


def publish(volume: DuckDBVolume, number: int, *alarms: tuple[str, int, int]) -> Generation:
    """A generation with these alarms: what changed, days ago, detected days ago."""
    database = volume.database_of(number)
    database.parent.mkdir(parents=True)
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.fct_drift_alarms"
            " (metric text, model text, direction text, date_key int, detected_date_key int, evidence text)"
        )
        for metric, changed, detected in alarms:
            days = [int((datetime.now(UTC) - timedelta(ago)).strftime("%Y%m%d")) for ago in (changed, detected)]
            row = [metric, "claude-a", "up", *days, f"{metric} went up"]
            connection.execute("insert into marts.fct_drift_alarms values (?, ?, ?, ?, ?, ?)", row)
    return Generation(number=number, created_at=datetime.now(UTC), bytes=1, row_counts={})


def test_a_new_alarm_is_told_once(volume: DuckDBVolume, alerts: Alerts, mailbox: Mailbox) -> None:
    tell_drift(volume, alerts, publish(volume, 1, ("error_rate", 1, 1)))
    assert mailbox.texts == ["Claude Code's behaviour has changed\nerror_rate went up"]
    tell_drift(volume, alerts, publish(volume, 2, ("error_rate", 2, 1), ("redo_rate", 1, 1)))  # late lines move a day
    tell_drift(volume, alerts, publish(volume, 3, ("error_rate", 2, 1), ("redo_rate", 1, 1)))
    assert [text.splitlines()[1:] for text in mailbox.texts] == [["error_rate went up"], ["redo_rate went up"]]


def test_an_old_history_is_no_news(volume: DuckDBVolume, alerts: Alerts, mailbox: Mailbox) -> None:
    tell_drift(volume, alerts, publish(volume, 1, ("error_rate", 40, 39)))
    assert mailbox.texts == []


def test_a_message_that_could_not_be_sent_is_sent_later(volume: DuckDBVolume, alerts: Alerts, mailbox: Mailbox) -> None:
    generation = publish(volume, 1, ("error_rate", 1, 1))
    mailbox.refuses = True
    tell_drift(volume, alerts, generation)
    mailbox.refuses = False
    for _ in range(2):
        tell_drift(volume, alerts, generation)
    assert len(mailbox.texts) == 1


def test_a_database_without_alarms_tells_nothing(volume: DuckDBVolume, alerts: Alerts, mailbox: Mailbox) -> None:
    generation = publish(volume, 1)
    with duckdb.connect(str(volume.generations / "1" / volume.published_database.name)) as connection:
        connection.execute("drop table marts.fct_drift_alarms")
    tell_drift(volume, alerts, generation)
    tell_drift(volume, alerts, None)
    assert mailbox.texts == []
