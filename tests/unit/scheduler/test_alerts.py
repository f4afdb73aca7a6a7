"""Alerts: one message for an incident, one when it is over, over a real webhook and a real mail server."""

import json
import shutil
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import time_machine

from common.settings import Settings
from scheduler.alerts import Alerts
from scheduler.history import History, Status
from tests.integration.scheduler.small import make_settings


class Webhook(ThreadingHTTPServer):
    """Takes what Slack would take."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.texts: list[str] = []
        self.answer = 200

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}/secret-path"


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        """Take a message."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert set(body) == {"text"}
        if self.server.answer == 200:
            self.server.texts.append(body["text"])
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Tests print nothing."""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def settings(tmp_path: Path, webhook: Webhook) -> Settings:
    return make_settings(tmp_path, alert_webhook_url=webhook.url, alert_after_failures=2, alert_stale_hours=24)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history.db")


def end_run(history: History, status: Status, message: str = "") -> None:
    history.finish(history.begin("pipeline", "schedule"), status, message)


def test_an_incident_is_told_once_and_its_end_once(history: History, settings: Settings, webhook: Webhook) -> None:
    alerts = Alerts(history, settings)
    end_run(history, "failed", "load: the disk is full")
    alerts.check()
    assert webhook.texts == []
    for _ in range(3):
        end_run(history, "failed", "load: the disk is full")
        Alerts(history, settings).check()  # a restart forgets nothing
    assert len(webhook.texts) == 1
    assert "The last 2 runs of the pipeline failed. Run 2: load: the disk is full" in webhook.texts[0]
    for _ in range(2):
        end_run(history, "succeeded")
        alerts.check()
    assert len(webhook.texts) == 2
    assert "claude-analytics has recovered" in webhook.texts[1]
    assert alerts.incident() is None


def test_a_problem_that_joins_an_open_incident_is_told_too_and_shown_beside_it(
    history: History, settings: Settings, webhook: Webhook
) -> None:
    """A misspelt setting must not hide that runs fail."""
    alerts, misspelt = Alerts(history, settings), [".env: TRANSCRIPT_DIR, which nothing reads"]
    alerts.watches["settings"] = lambda: misspelt[0] if misspelt else None
    for _ in range(3):
        alerts.check()
        end_run(history, "failed", "load: refused")
    alerts.check()
    assert [text.partition("\n")[2][:20] for text in webhook.texts] == [misspelt[0][:20], "The last 2 runs of t"]
    incident = alerts.incident()
    assert incident is not None
    assert [problem[:12] for problem in incident["problems"]] == ["The last 2 r", misspelt[0][:12]]
    misspelt.clear()
    alerts.check()
    assert alerts.incident() != incident
    assert len(webhook.texts) == 2, "it is not over yet"


def test_an_incident_that_an_earlier_version_told_is_not_told_again(
    history: History, settings: Settings, webhook: Webhook
) -> None:
    for _ in range(2):
        end_run(history, "failed")
    history.set_state("incident", {"since": "2026-05-01T08:00:00+00:00", "message": "Runs fail.", "sent": True})
    alerts = Alerts(history, settings)
    before = alerts.incident()
    assert before is not None
    assert before["problems"] == ["Runs fail."]
    alerts.check()
    assert webhook.texts == []


def test_a_message_that_could_not_be_sent_is_tried_again(
    history: History, settings: Settings, webhook: Webhook
) -> None:
    alerts = Alerts(history, settings)
    for _ in range(2):
        end_run(history, "failed")
    webhook.answer = 500
    alerts.check()
    assert alerts.incident() is not None
    webhook.answer = 200
    alerts.check()
    alerts.check()
    assert len(webhook.texts) == 1


def test_runs_that_did_not_happen_or_were_interrupted_decide_nothing(
    history: History, settings: Settings, webhook: Webhook
) -> None:
    end_run(history, "failed")
    end_run(history, "interrupted")
    history.did_not_happen("pipeline", "schedule", "missed", "asleep")
    Alerts(history, settings).check()
    assert webhook.texts == []


def test_an_incident_is_not_over_because_many_runs_did_not_happen(
    history: History, settings: Settings, webhook: Webhook
) -> None:
    for _ in range(2):
        end_run(history, "failed")
    Alerts(history, settings).check()
    for _ in range(200):
        history.did_not_happen("pipeline", "schedule", "missed", "the machine slept")
    Alerts(history, settings).check()
    assert len(webhook.texts) == 1
    assert Alerts(history, settings).incident() is not None


def test_figures_that_grow_old_are_an_incident_though_no_run_failed(
    history: History, settings: Settings, webhook: Webhook
) -> None:
    start = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
    alerts = Alerts(history, settings)
    with time_machine.travel(start, tick=False) as clock:
        end_run(history, "unchanged")
        clock.move_to(start + timedelta(hours=23))
        alerts.check()
        assert webhook.texts == []
        clock.move_to(start + timedelta(hours=30))
        alerts.check()
        alerts.check()
        end_run(history, "succeeded")
        alerts.check()
    assert len(webhook.texts) == 2
    assert "has succeeded for 30 hours (since 2026-05-01 08:00 UTC)" in webhook.texts[0]


def test_a_runner_that_never_ran_is_not_stale(history: History, settings: Settings, webhook: Webhook) -> None:
    Alerts(history, settings).check()
    assert webhook.texts == []


def test_the_test_message_tells_for_each_way_whether_it_worked_and_no_secret(
    history: History, settings: Settings, webhook: Webhook
) -> None:
    alerts = Alerts(history, settings)
    assert alerts.test() == {"webhook": None}
    webhook.answer = 404
    assert alerts.test() == {"webhook": "HTTP 404"}
    assert Alerts(history, make_settings(history.path.parent)).test() == {}


def test_a_mail_server_that_cannot_be_a_name_is_a_message_that_was_not_sent(history: History, tmp_path: Path) -> None:
    settings = make_settings(tmp_path, alert_email_to="me@example.com", smtp_host="mail..example.com")
    assert Alerts(history, settings).test() == {"e-mail": "UnicodeError"}


class _Mail(socketserver.StreamRequestHandler):
    """As much SMTP as one message needs."""

    server: "_MailServer"

    def handle(self) -> None:
        """Take one message."""
        self.say("220 here")
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "DATA":
                self.say("354 go on")
                self.server.messages.append(self.message())
            self.say("250 ok" if verb != "QUIT" else "221 bye")

    def message(self) -> str:
        """The lines up to the single dot."""
        lines = []
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
            lines.append(line)
        return "\n".join(lines)

    def say(self, text: str) -> None:
        """Send a line."""
        self.wfile.write(text.encode() + b"\r\n")


class _MailServer(socketserver.ThreadingTCPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Mail)
        self.messages: list[str] = []


def test_an_alert_goes_by_mail(history: History, tmp_path: Path) -> None:
    with _MailServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        mail = {"smtp_host": "127.0.0.1", "smtp_port": server.server_address[1], "smtp_security": "none"}
        settings = make_settings(tmp_path, alert_email_to="me@example.com", alert_after_failures=1, **mail)
        end_run(history, "failed", "extract: refused")
        Alerts(history, settings).check()
        server.shutdown()
        thread.join()
    (message,) = server.messages
    assert "Subject: claude-analytics needs attention" in message
    assert "To: me@example.com" in message
    assert "extract: refused" in message


class _TlsMailServer(_MailServer):
    """A mail server whose certificate nobody has vouched for, as one in the middle has."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2"]
        subprocess.run([*made, "-keyout", "key", "-out", "certificate"], cwd=folder, check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "certificate", folder / "key")
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that turns away."""


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl on PATH")
def test_no_mail_goes_to_a_server_whose_certificate_is_not_vouched_for(history: History, tmp_path: Path) -> None:
    with _TlsMailServer(tmp_path) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        mail = {"smtp_host": "127.0.0.1", "smtp_port": server.server_address[1], "smtp_security": "tls"}
        settings = make_settings(tmp_path, alert_email_to="me@example.com", smtp_user="me", smtp_password="hi", **mail)
        assert Alerts(history, settings).test() == {"e-mail": "SSLCertVerificationError"}
        server.shutdown()
        thread.join()
    assert server.messages == []
