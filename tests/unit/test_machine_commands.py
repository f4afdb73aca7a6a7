"""What a person is told who invites machines, and on a machine that was not enrolled."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from cli.main import app
from collector.invitation import Invitation

URL = "https://host.example:8324"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty data directory of the test's own; the commands' umask and log end with the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    before = os.umask(0o022)
    yield str(tmp_path / "data")
    os.umask(before)
    structlog.reset_defaults()


def analytics(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_machine_is_invited_listed_and_revoked(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECEIVER_URL", URL)
    assert "no machine has been invited yet" in analytics("machines", "list", "--data", data).stdout
    invited = analytics("machines", "invite", "laptop", "--person", "Anna", "--data", data)
    assert invited.exit_code == 0
    assert len(invited.stdout.splitlines()) == 1, "one word, to be copied"
    assert Invitation.of(invited.stdout).url == URL
    listed = analytics("machines", "list", "--data", data).stdout
    assert "laptop" in listed
    assert "invited" in listed
    assert "seen never" in listed
    assert "Anna" in listed
    assert analytics("machines", "revoke", "laptop", "--data", data).exit_code == 0
    assert "revoked" in analytics("machines", "list", "--data", data).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["invite", "lap top"], "expected up to 63 letters, digits, dots, - and _, found 'lap top'"),
        (["invite", "appliance"], "expected a name other than this host's own, found 'appliance'"),
        (["invite", "laptop", "--hours", "0"], "expected more than 0 and at most 720, found 0.0"),
        (["invite", "laptop", "--hours", "nan"], "expected more than 0 and at most 720, found nan"),
        (["revoke", "nobody"], "expected an invited machine (none), found 'nobody'"),
    ],
)
def test_what_is_wrong_is_one_line(data: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str) -> None:
    monkeypatch.setenv("RECEIVER_URL", URL)
    monkeypatch.setenv("HOST_NAME", "appliance")
    done = analytics("machines", *arguments, "--data", data)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


@pytest.mark.parametrize("url", ["", "http://host.example"])
def test_an_invitation_needs_the_receivers_address(data: str, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("RECEIVER_URL", url)
    done = analytics("machines", "invite", "laptop", "--data", data)
    assert done.exit_code == 2
    assert "address" in done.stderr


@pytest.mark.parametrize("arguments", [["send"], ["send", "--once"], ["send", "--install"]])
def test_a_machine_that_was_not_enrolled_sends_nothing(data: str, arguments: list[str]) -> None:
    done = analytics(*arguments, "--data", data)
    assert done.exit_code == 2
    assert "enrol this machine first" in " ".join(done.stderr.split())


def test_a_token_that_is_none_is_not_repeated(data: str) -> None:
    done = analytics("enrol", "a-word-of-somebody", "--data", data)
    assert done.exit_code == 2
    assert "expected the token that `machines invite` printed" in " ".join(done.stderr.split())
    assert "somebody" not in done.stderr
