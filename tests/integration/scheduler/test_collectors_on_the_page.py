"""What the status page, the metrics and the alerts say of a collector that another container runs."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from common.loader_results import CollectorState
from scheduler import disk_watch
from scheduler.collector_watch import CollectorWatch
from scheduler.disk_watch import DiskWatch
from scheduler.service import Service
from scheduler.web import create_app
from tests.integration.scheduler.small import make_project, make_runner, make_settings

REASON = "/home/owner belongs to user 1001 alone, and this runs as user 1000; set TRANSCRIPTS_UID=1001"


@pytest.mark.parametrize(("problem", "shown"), [(None, "reads"), (REASON, "cannot read its transcripts")])
def test_a_collector_is_shown_with_what_keeps_it_from_reading(tmp_path: Path, problem: str | None, shown: str) -> None:
    moment = datetime.now(UTC)
    state = CollectorState(
        host="laptop", transcripts="/t", seen_at=moment, problem=problem, files=1234, last_line_at=moment
    )
    settings = make_settings(tmp_path, schedule="off", maintenance_schedule="off", scheduler_token="the-token")
    runner = make_runner(settings, make_project(tmp_path / "project"))
    watch = CollectorWatch(lambda: [state], lambda: None)
    runner.alerts.watches["collectors"] = watch.problem
    app = create_app(Service(runner, settings), settings, collectors=watch)
    with TestClient(app, base_url="http://127.0.0.1:8321") as client:
        runner.alerts.check()
        page, metrics = client.get("/").text, client.get("/metrics").text
    for text in ("laptop", "1,234", shown):
        assert text in page
    assert ("Something needs attention" in page) == (problem is not None)
    assert f'claude_analytics_collector_problem{{host="laptop"}} {float(problem is not None)}' in metrics
    assert 'claude_analytics_collector_files{host="laptop"} 1234.0' in metrics
    assert "claude_analytics_disk_free_bytes" in metrics


def test_a_history_that_cannot_be_read_is_one_line_on_the_page_and_in_the_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the disk of the scheduler's own volume is full."""
    settings = make_settings(tmp_path, schedule="off", maintenance_schedule="off", scheduler_token="the-token")
    service = Service(make_runner(settings, make_project(tmp_path / "project")), settings)
    app = create_app(service, settings, disks=DiskWatch({"scheduler": tmp_path}))
    with TestClient(app, base_url="http://127.0.0.1:8321") as client:
        whole = service.history.path
        monkeypatch.setattr(service.history, "path", tmp_path)  # a folder is no database
        page, answer = client.get("/"), client.get("/api/runs")
        monkeypatch.setattr(disk_watch, "LEAST_BYTES", 2**80)
        full = client.get("/healthz")
        monkeypatch.setattr(service.history, "path", whole)
    assert (page.status_code, answer.status_code, full.status_code) == (503, 503, 503)
    assert "check that its disk has space" in page.text
    assert answer.json()["error"].startswith("the history of runs ")
    assert "The disk of the volume scheduler is full" in full.text


def test_a_full_disk_is_on_the_page_at_once_and_in_the_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the history, which may lie on that disk, and once where the history has it as well."""
    monkeypatch.setattr(disk_watch, "LEAST_BYTES", 2**80)
    settings = make_settings(tmp_path, schedule="off", maintenance_schedule="off", runner_token="the-token")
    runner = make_runner(settings, make_project(tmp_path / "project"))
    disks = DiskWatch({"mongo": tmp_path})
    runner.alerts.watches["disks"] = disks.problem
    with TestClient(
        create_app(Service(runner, settings), settings, disks=disks), base_url="http://127.0.0.1:8321"
    ) as client:
        for _ in range(2):
            page = client.get("/").text
            assert page.count("The disk of the volume mongo is full") == 1
            runner.alerts.check()
        monkeypatch.setattr(disk_watch, "LEAST_BYTES", 0)
        runner.alerts.check()
        assert "is full" not in client.get("/").text
        assert 'claude_analytics_volume_free_bytes{volume="mongo"}' in client.get("/metrics").text
