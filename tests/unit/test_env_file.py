"""A mistake in .env is said with its name: by `up` before anything starts, and on the page where it came too far."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from cli.appliance.env_file import GIVEN_TO_INIT, check_env_file, env_file_problem, read_env_file

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with our compose file and our example."""
    for name in ("compose.yaml", ".env.example"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("TRANSCRIPT_DIR=/home/me", "did you mean TRANSCRIPTS_DIR?"),
        ("HOSTNAME=mine", "did you mean HOST_NAME?"),
        ("METABSE_PORT=3001", "did you mean METABASE_PORT?"),
        ("schedule=off", "did you mean SCHEDULE?"),
    ],
)
def test_a_misspelt_name_is_named_with_the_one_that_was_meant(checkout: Path, line: str, fix: str) -> None:
    (checkout / ".env").write_text(f"TIMEZONE=UTC\n{line}\n")
    [finding] = check_env_file(checkout)
    assert (finding.status, finding.fix) == ("fail", fix)
    assert line.partition("=")[0] in finding.found


WRONG = [
    *("TIMEZONE=Europe/Berln", "SCHEDULE=every day", "KEEP_GENERATIONS=1", "SMTP_PORT=x", "LOG_LEVEL=LOUD"),
    *("TRANSCRIPTS_UID=me", "METABASE_PORT=http", "MONGO_CACHE_GB=1g", "LOADER_MEMORY=lots", "METABASE_HEAP=1"),
]


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_value_is_named(checkout: Path, line: str) -> None:
    (checkout / ".env").write_text(line)
    [finding] = check_env_file(checkout)
    assert finding.status == "fail"
    assert finding.found.startswith(line.partition("=")[0])


def test_a_former_name_is_read_and_named(checkout: Path) -> None:
    (checkout / ".env").write_text("RUNNER_PORT=9000\nHISTORY_DAYS=30\n")
    found = [(finding.status, finding.found, finding.fix) for finding in check_env_file(checkout)]
    assert found == [
        ("warn", "RUNNER_PORT, which has a new name", "call it SCHEDULER_PORT"),
        ("warn", "HISTORY_DAYS, which has a new name", "call it RUN_RETENTION_DAYS"),
    ]


def test_what_is_right_or_somebody_elses_is_left_alone(checkout: Path) -> None:
    assert check_env_file(checkout)[0].status == "ok"
    (checkout / ".env").write_text("# a note\nHOST_NAME=\nCOMPOSE_PROJECT_NAME=x\nSCHEDULE=30m\nVERSION=0.1.0\n")
    assert [finding.status for finding in check_env_file(checkout)] == ["ok"]


def test_the_defaults_of_the_example_and_what_compose_allows_around_a_value_are_right(checkout: Path) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    (checkout / ".env").write_text(re.sub(r"^#(?=[A-Z])", "", example, flags=re.MULTILINE))
    assert [finding.status for finding in check_env_file(checkout)] == ["ok"]
    (checkout / ".env").write_text("KEEP_GENERATIONS=3 # enough\nexport TIMEZONE='UTC'\n")
    assert read_env_file(checkout) == {"KEEP_GENERATIONS": "3", "TIMEZONE": "'UTC'"}
    assert [finding.status for finding in check_env_file(checkout)] == ["ok"]


def test_the_page_s_line_names_every_mistake_and_what_to_do(checkout: Path) -> None:
    (checkout / ".env").write_text("TRANSCRIPT_DIR=/home/me\nTIMEZONE=Europe/Berln\n")
    said = str(env_file_problem(checkout))
    assert said.startswith(".env: TRANSCRIPT_DIR, which is not a setting (did you mean TRANSCRIPTS_DIR?); TIMEZONE: ")
    assert said.endswith("Correct it, then run `docker compose up -d --wait`.")
    assert "\n" not in said
    (checkout / ".env").write_text("TIMEZONE=Europe/Berlin\n")
    assert env_file_problem(checkout) is None


def test_what_only_the_standalone_mode_reads_is_named_in_one_line_and_stops_nothing(checkout: Path) -> None:
    (checkout / ".env").write_text("DATA_DIR=/srv\nMONGO_URI_FILE=/x\nRUNNER_HOST=\nMONGO_DATABASE=claude_logs\n")
    [finding] = check_env_file(checkout)
    assert finding.status == "warn"
    assert finding.found == "DATA_DIR, MONGO_URI_FILE, which only the standalone mode reads"
    assert str(env_file_problem(checkout)).startswith(f".env: {finding.found} (remove it from .env). Correct it")


def test_a_secret_that_is_no_choice_is_named_with_the_command_that_sets_it(checkout: Path) -> None:
    (checkout / ".env").write_text("ALERT_WEBHOOK_URL=https://example.org/secret\n")
    said = str(env_file_problem(checkout))
    assert "(`docker compose run --rm -T init set alert_webhook_url` sets it)" in said
    assert "example.org" not in said
    script = (ROOT / "services" / "init" / "init.sh").read_text(encoding="utf-8")
    [settable] = re.findall(r'^yours="(.*)"$', script, re.MULTILINE)
    assert {name.lower() for name in GIVEN_TO_INIT} == set(settable.split())


def test_a_checkout_that_the_scheduler_may_not_read_is_not_a_mistake(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> dict[str, str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cli.appliance.env_file.read_env_file", refuse)
    assert env_file_problem(checkout) is None


def test_the_page_says_which_setting_keeps_the_scheduler_from_starting() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "SCHEDULER_PORT": str(port),
        "SCHEDULE": "every day",
        "LOADER_URL": "http://127.0.0.1:1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.appliance.scheduler_service"], cwd=ROOT, env=environment, stderr=subprocess.PIPE
    )
    try:
        answer = _answer(f"http://127.0.0.1:{port}/healthz")
        assert answer.status_code == 503
        assert "SCHEDULE" in answer.text
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 2
        assert process.stderr
        assert process.stderr.read().startswith(b"scheduler: SCHEDULE")
    finally:
        process.kill()
        process.communicate()


def test_a_history_that_cannot_be_opened_is_on_a_page_until_the_container_is_started_again(tmp_path: Path) -> None:
    (tmp_path / "history.db").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "SCHEDULER_PORT": str(port),
        "SCHEDULER_DIR": str(tmp_path),
        "DATA_DIR": str(tmp_path),
        "LOADER_URL": "http://127.0.0.1:1",
    }
    code = "import sys; from cli.appliance import scheduler_service as it; it.PROBLEM_SECONDS = 5; sys.exit(it.main())"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stderr=subprocess.PIPE)
    try:
        answer = _answer(f"http://127.0.0.1:{port}/")
        assert answer.status_code == 503
        assert "check that its disk has space" in answer.text
        assert "Retrying every minute" in answer.text
        assert process.wait(120) == 1
    finally:
        process.kill()
        process.communicate()


def _answer(url: str) -> requests.Response:
    deadline = time.monotonic() + 120
    while True:
        try:
            return requests.get(url, timeout=5)
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)  # the server is asked, it does not call
