"""The appliance's runner: Metabase follows each generation, and the first figures come by themselves."""

import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cli.appliance import scheduler_service
from cli.appliance.scheduler_service import first_runs, make_runner
from common.paths import DataPaths
from common.settings import Settings
from metabase.client import Client, RefusedError, UnreachableError
from metabase.first_start import connect
from metabase.recycle import seen_generation
from scheduler.pipeline_parts import Refresh
from scheduler.publish import Generation, publish
from scheduler.service import Service
from tests.integration.conftest import free_port
from tests.integration.metabase.conftest import PASSWORD, USER
from tests.integration.metabase.conftest import metabase_url as metabase_url  # noqa: PLC0414 - a fixture
from tests.integration.metabase.conftest import published as published  # noqa: PLC0414 - a fixture
from tests.integration.scheduler.small import CountingLoader, make_project, make_settings
from tests.integration.scheduler.small import make_runner as make_small_runner


def appliance_settings(folder: Path, metabase_url: str) -> Settings:
    account = {"metabase_url": metabase_url, "metabase_user": USER, "metabase_password": PASSWORD}
    return make_settings(folder, loader_url="http://127.0.0.1:9", **account)


def show(settings: Settings, generation: Generation) -> None:
    """What the refresh step does for Metabase."""
    refresh_of(settings).run(generation)


def is_shown(settings: Settings, generation: Generation) -> bool:
    """What a run asks that published nothing."""
    holds = refresh_of(settings).holds
    assert holds is not None
    return holds(generation)


def refresh_of(settings: Settings) -> Refresh:
    runner = make_runner(settings)
    runner.close()
    return {reader.name: reader for reader in runner.parts.refresh}["metabase"]


def test_each_generation_is_shown_in_a_metabase_that_nobody_has_set_up(
    tmp_path: Path, metabase_url: str, published: Path
) -> None:
    settings = appliance_settings(tmp_path, metabase_url)
    volume = DataPaths.of(settings).duckdb
    volume.work_database.parent.mkdir(parents=True)
    shutil.copy(published, volume.work_database)
    for number in (1, 2):
        generation = publish(volume, keep=3)
        assert number > 1 or not is_shown(settings, generation)
        show(settings, generation)
        assert is_shown(settings, generation)
        client = Client(metabase_url)
        client.sign_in(USER, PASSWORD)
        [database] = client.get("/api/database")["data"]
        assert seen_generation(client, database["id"]) == number


def test_a_metabase_that_is_away_is_said_to_be_for_the_next_run_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refresh step turns the error into a warning (test_runs.py); it must not wait for long."""
    monkeypatch.setattr(scheduler_service, "WAIT_SECONDS", 0.5)
    generation = Generation(number=2, created_at=datetime.now(UTC), bytes=0, row_counts={})
    settings = appliance_settings(tmp_path, f"http://127.0.0.1:{free_port()}")
    assert not is_shown(settings, generation)
    with pytest.raises(UnreachableError, match=r"^cannot reach Metabase at "):
        show(settings, generation)


def test_a_password_that_was_changed_in_metabase_is_said_with_its_remedy(
    tmp_path: Path, metabase_url: str, published: Path
) -> None:
    settings = appliance_settings(tmp_path, metabase_url)
    connect(metabase_url, USER, PASSWORD)
    changed = settings.model_copy(update={"metabase_password": SecretStr("another")})
    generation = Generation(number=2, created_at=datetime.now(UTC), bytes=0, row_counts={})
    with pytest.raises(RefusedError, match=r"did not match stored password.*init set metabase_password"):
        show(changed, generation)


def small_service(folder: Path, **choices: Any) -> tuple[Service, CountingLoader]:
    settings = make_settings(folder, **choices)
    runner = make_small_runner(settings, make_project(folder / "project"))
    assert isinstance(runner.parts.loader, CountingLoader)
    return Service(runner, settings), runner.parts.loader


@pytest.fixture(autouse=True)
def _waits_of_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause where nothing is waited for, and no hurry where something is: this machine may be busy."""
    monkeypatch.setattr(scheduler_service, "WAIT_SECONDS", 300.0)
    monkeypatch.setattr(scheduler_service, "BETWEEN_SECONDS", 0.01)
    monkeypatch.setattr(scheduler_service, "READY_SECONDS", 0.01)


def test_where_nothing_was_published_runs_follow_each_other_until_two_find_nothing_new(tmp_path: Path) -> None:
    """The loader may answer a moment later, and the first line come after the first run: here the second finds it."""
    service, loader = small_service(tmp_path)
    runs_when_asked: list[int] = []

    def is_ready() -> bool:
        runs_when_asked.append(len(service.history.runs(10)))
        return len(runs_when_asked) == 3

    first_runs_with(service, loader, [[], [1, 2, 3], [], []], is_ready)
    assert runs_when_asked == [0, 0, 0]
    first_runs(service)  # the service was restarted: there is a generation now
    found = [(run.status, run.trigger) for run in service.history.runs(10)]
    service.stop()
    assert found == [(status, "schedule") for status in ("unchanged", "unchanged", "succeeded", "succeeded")]


def test_a_service_that_is_stopped_waits_no_longer_for_the_loader(tmp_path: Path) -> None:
    service, _ = small_service(tmp_path)
    service.runner.stop.set()
    first_runs(service, lambda: False)
    assert service.history.runs(10) == []
    service.stop()


def first_runs_with(
    service: Service, loader: CountingLoader, arriving: list[list[int]], is_ready: Callable[[], bool]
) -> None:
    """First runs, each of which finds the next of these lines."""
    lines = iter(arriving)
    extract = loader.extract

    def arrive(**given: Any) -> Any:
        loader.waiting = next(lines)
        return extract(**given)

    loader.extract = arrive  # type: ignore[method-assign]
    first_runs(service, is_ready)


def test_a_schedule_that_is_off_or_paused_starts_nothing_by_itself(tmp_path: Path) -> None:
    service, _ = small_service(tmp_path / "off", schedule="off")
    paused, _ = small_service(tmp_path / "paused")
    paused.pause()
    assert (service.run_as_scheduled(), paused.run_as_scheduled()) == (None, None)
    found = [*service.history.runs(10), *paused.history.runs(10)]
    service.stop()
    paused.stop()
    assert found == []


def test_a_service_does_what_it_is_told_to_at_its_start(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    ended = threading.Event()

    def at_start(service: Service) -> None:
        assert service.run_as_scheduled() == "succeeded"
        ended.set()

    service = Service(make_small_runner(settings, make_project(tmp_path / "project")), settings, at_start=at_start)
    service.start()
    assert ended.wait(120)
    service.stop()
    statuses = [run.status for run in service.history.runs(10)]  # one more where the schedule falls into this minute
    assert [status for status in statuses if status != "locked"] == ["succeeded"]
