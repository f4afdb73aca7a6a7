"""The application over HTTP: who may see and do what, and what the API and the metrics say."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from scheduler.dbt_results import DbtNode
from scheduler.run_result import FailedTest, RunResult
from scheduler.runner import Runner
from scheduler.service import Service
from scheduler.web import create_app
from scheduler.web.auth import COOKIE
from tests.integration.scheduler.small import CountingLoader, make_project, make_runner, make_settings

pytestmark = pytest.mark.integration

TOKEN = "the-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
EVERYWHERE = "0.0.0.0"  # noqa: S104 (nothing is bound here: the client calls the application itself)


def make_client(folder: Path, **choices: Any) -> tuple[TestClient, Runner]:
    settings = make_settings(folder, schedule="off", maintenance_schedule="off", **choices)
    runner = make_runner(settings, make_project(folder / "project"))
    app = create_app(Service(runner, settings), settings, version="1.2.3")
    return TestClient(app, base_url="http://127.0.0.1:8321", follow_redirects=False), runner


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[TestClient, Runner]]:
    client, runner = make_client(tmp_path, scheduler_token="the-token")
    with client:
        yield client, runner


@pytest.fixture
def client(both: tuple[TestClient, Runner]) -> TestClient:
    return both[0]


def log_in(client: TestClient, token: str = TOKEN) -> str:
    """Log in and return the value that forms must carry."""
    answer = client.post("/login", data={"token": token})
    assert answer.status_code == 303
    client.cookies.set(COOKIE, answer.cookies[COOKIE])
    return client.get("/").text.split('name="key" value="')[1].split('"')[0]


ACTIONS = ["/api/runs", "/api/pause", "/api/resume", "/api/alerts/test", "/run", "/pause", "/resume", "/alerts/test"]


@pytest.mark.parametrize("path", ACTIONS)
def test_an_action_without_credentials_is_refused(client: TestClient, path: str) -> None:
    assert client.post(path).status_code == 401
    assert client.post(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/api/runs").json() == []
    assert client.get("/api/status").json()["paused"] is False


@pytest.mark.parametrize("path", ["/run", "/pause", "/logout"])
def test_a_form_of_another_site_cannot_act_with_the_visitors_cookie(client: TestClient, path: str) -> None:
    key = log_in(client)
    assert client.post(path).status_code == 403
    assert client.post(path, data={"key": "guessed"}).status_code == 403
    assert client.post(path, data={"key": key}, headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert client.get("/api/status").json()["paused"] is False


def test_a_logged_in_person_pauses_and_resumes(client: TestClient) -> None:
    key = log_in(client)
    assert client.post("/pause", data={"key": key}).status_code == 303
    assert client.get("/api/status").json()["paused"] is True
    assert client.post("/resume", data={"key": key}, headers={"Origin": "http://127.0.0.1:8321"}).status_code == 303
    assert client.get("/api/status").json()["paused"] is False
    assert client.post("/logout", data={"key": key}).status_code == 303


def test_the_cookie_cannot_be_read_by_scripts_nor_sent_from_elsewhere_nor_forged(client: TestClient) -> None:
    cookie = client.post("/login", data={"token": "the-token"}).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    client.cookies.clear()
    client.cookies.set(COOKIE, "9999999999.0123456789abcdef")
    assert client.post("/pause").status_code == 401


def test_an_address_that_is_none_is_told_in_the_readers_own_way(client: TestClient) -> None:
    page, api = client.get("/nonsense"), client.get("/api/nonsense")
    assert (page.status_code, api.status_code) == (404, 404)
    assert "Back to the status page" in page.text
    assert api.json() == {"error": "Not Found"}


def test_a_host_that_cannot_be_read_is_refused_like_a_foreign_one(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "["}).status_code == 400


def test_guessing_the_token_is_cut_short(client: TestClient) -> None:
    codes = [client.post("/login", data={"token": str(number)}).status_code for number in range(12)]
    assert codes == [401] * 10 + [429] * 2


def test_without_a_token_one_is_made_on_loopback_for_this_user_alone(tmp_path: Path) -> None:
    client, runner = make_client(tmp_path)
    file = runner.history.path.parent / "token"
    assert file.stat().st_mode & 0o777 == 0o600
    with client:
        log_in(client, file.read_text(encoding="utf-8"))


def test_on_another_address_actions_are_off_until_a_token_is_set(tmp_path: Path) -> None:
    client, runner = make_client(tmp_path, scheduler_host=EVERYWHERE)
    with client:
        for path in ACTIONS:
            assert client.post(path, headers=BEARER).status_code == 403
        assert "Off on this address until SCHEDULER_TOKEN is set" in client.get("/").text
    assert not (runner.history.path.parent / "token").exists()


def test_beyond_loopback_failing_rows_and_logs_are_for_those_who_logged_in(tmp_path: Path) -> None:
    client, runner = make_client(tmp_path, scheduler_host=EVERYWHERE, scheduler_token="the-token")
    run_id = fail(runner)
    with client:
        for path in (f"/runs/{run_id}", f"/api/runs/{run_id}"):
            assert "a secret value" not in client.get(path).text
        assert client.get(f"/api/runs/{run_id}/log").status_code == 401
        assert "a secret value" in client.get(f"/api/runs/{run_id}", headers=BEARER).text
        assert "a secret line" in client.get(f"/api/runs/{run_id}/log", headers=BEARER).text
        log_in(client)
        page = client.get(f"/runs/{run_id}").text
        assert "a secret value" in page
        assert "a secret line" in page


def fail(runner: Runner) -> int:
    run_id = runner.history.begin("pipeline", "schedule")
    node = DbtNode(unique_id="test.x", name="x", resource_type="test", status="fail", failures=1, query="select 1")
    failed = FailedTest(node=node, columns=["n"], rows=[["a secret value"]])
    runner.history.log(run_id, "transform", "info", "a secret line <script>")
    runner.history.add_dbt_results(
        run_id, RunResult(status="failed", message="", steps=[], dbt=[node], failed_tests=[failed])
    )
    runner.history.finish(run_id, "failed", "transform: test x failed")
    return run_id


def test_a_name_that_somebody_pointed_at_loopback_is_not_served(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "attacker.example"}).status_code == 400
    assert client.get("/", headers={"Host": "localhost:8321"}).status_code == 200
    assert client.get("/", headers={"Host": "[::1]:8321"}).status_code == 200


def test_what_comes_from_the_data_is_escaped(both: tuple[TestClient, Runner]) -> None:
    client, runner = both
    page = client.get(f"/runs/{fail(runner)}").text
    assert "a secret line &lt;script&gt;" in page
    assert "script-src" not in client.get("/").headers["content-security-policy"]


def test_a_run_over_the_api_from_start_to_end(both: tuple[TestClient, Runner], monkeypatch: pytest.MonkeyPatch) -> None:
    client, runner = both
    monkeypatch.setattr("scheduler.web.status._KEEP_SECONDS", 0)
    loader = runner.parts.loader
    assert isinstance(loader, CountingLoader)
    assert client.get("/readyz").status_code == 503
    loader.waiting = [1, 2]
    loader.gate.clear()
    run_id = client.post("/api/runs", headers=BEARER, json={"full_refresh": True}).json()["id"]
    busy = client.post("/api/runs", headers=BEARER)
    assert busy.status_code == 409
    assert "pipeline by process" in busy.json()["error"]
    running = client.get("/api/status").json()["running"]
    assert (running["id"], running["trigger"], running["full_refresh"]) == (run_id, "api", True)
    loader.gate.set()
    next(thread for thread in threading.enumerate() if thread.name == "run-now").join(120)
    run = client.get(f"/api/runs/{run_id}").json()
    assert run["run"]["status"] == "succeeded"
    assert [step["name"] for step in run["steps"]] == ["extract", "load", "transform", "publish", "refresh"]
    status = client.get("/api/status").json()
    assert status["generation"]["row_counts"] == {"marts.facts": 2}
    assert status["freshness"]["event_at"] is not None
    assert {store["name"] for store in status["stores"]} >= {"DuckDB, work", "DuckDB, published", "Run history"}
    assert client.get("/readyz").status_code == 200
    metrics = client.get("/metrics").text
    assert 'claude_analytics_runs_total{kind="pipeline",status="succeeded"} 1.0' in metrics
    assert "claude_analytics_generation 1.0" in metrics
    assert 'claude_analytics_rows{table="marts.facts"} 2.0' in metrics
    log = client.get(f"/api/runs/{run_id}/log").json()
    assert client.get(f"/api/runs/{run_id}/log", params={"after": log[-1]["id"]}).json() == []


def test_transcripts_at_risk_are_those_with_lines_that_are_not_published(tmp_path: Path) -> None:
    folder = tmp_path / "projects" / "-home-me"
    folder.mkdir(parents=True)
    (folder / "new.jsonl").write_text("{}\n", encoding="utf-8")
    client, _ = make_client(tmp_path)
    with client:
        (found,) = client.get("/api/status").json()["transcripts_at_risk"]
    assert (found["source_file"], found["missing_bytes"]) == ("-home-me/new.jsonl", 3)
    assert 29.9 < found["days_left"] <= 30


def test_claude_codes_own_setting_says_how_long_a_transcript_is_kept(tmp_path: Path) -> None:
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "new.jsonl").write_text("{}\n", encoding="utf-8")
    (tmp_path / "settings.json").write_text('{"cleanupPeriodDays": 99}', encoding="utf-8")
    client, _ = make_client(tmp_path)
    with client:
        (found,) = client.get("/api/status").json()["transcripts_at_risk"]
    assert 98.9 < found["days_left"] <= 99


def test_the_api_describes_itself(client: TestClient) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    assert set(paths) >= {"/api/runs", "/api/runs/{run_id}", "/api/status", "/api/pause", "/healthz", "/metrics"}


def test_what_does_not_exist_is_said_in_the_callers_language(client: TestClient) -> None:
    assert client.get("/api/runs/99").json() == {"error": "there is no run 99; GET /api/runs lists them"}
    assert "there is no run 99" in client.get("/runs/99").text
    assert client.get("/runs/99").status_code == 404
    assert client.get("/report").status_code == 404


def test_the_report_is_served_as_a_stranger_to_this_origin(both: tuple[TestClient, Runner]) -> None:
    client, runner = both
    (runner.settings.data_dir / "report.html").write_text("<h1>Figures</h1>", encoding="utf-8")
    answer = client.get(client.get("/report").headers["location"])
    assert answer.text == "<h1>Figures</h1>"
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert 'href="/report"' in client.get("/").text


def test_the_reports_sessions_are_served_to_who_was_handed_the_report(both: tuple[TestClient, Runner]) -> None:
    """A sandboxed page sends no cookie: the address that it was served under says who may read on."""
    client, runner = both
    (runner.settings.data_dir / "report.html").write_text("<h1>Figures</h1>", encoding="utf-8")
    folder = runner.settings.data_dir / "report_sessions"
    folder.mkdir()
    (folder / "one-session.js").write_text("// a session", encoding="utf-8")
    served = client.get("/report").headers["location"]
    answer = client.get(f"{served}report_sessions/one-session.js")
    assert (answer.text, answer.headers["content-type"]) == ("// a session", "text/javascript; charset=utf-8")
    assert client.get(f"{served}report_sessions/another.js").status_code == 404
    assert client.get(f"{served}report_sessions/..%2f..%2freport.html").status_code in (404, 422)
    forged = f"/report/99999999999.{'0' * 64}/"
    assert client.get(f"{forged}report_sessions/one-session.js").status_code == 401
    assert client.get(forged).headers["location"] == "/report"
