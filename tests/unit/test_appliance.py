"""What `./analytics up` finds out, writes down and refuses, as far as no engine is needed to know it."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.appliance import preflight
from cli.appliance.compose import ONE_SHOTS, ApplianceError, Compose, uid_inside
from cli.appliance.up import credentials, found_choices, write_choices
from tests.unit.test_compose import LASTING, SERVICES

HOST = socket.gethostname()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without Claude Code, in a machine that lives by UTC and has made no choice."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("TRANSCRIPTS_UID", raising=False)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    return folder


def transcripts(home: Path) -> Path:
    folder = home / ".claude" / "projects"
    folder.mkdir(parents=True)
    return folder


def test_a_host_without_transcripts_needs_no_folder(checkout: Path) -> None:
    assert found_choices(checkout) == {"HOST_NAME": HOST}


def test_on_a_host_whose_collector_is_off_no_folder_is_chosen_and_none_is_missed(checkout: Path, home: Path) -> None:
    (checkout / ".env").write_text("COLLECTOR=off\n")
    transcripts(home)
    assert found_choices(checkout) == {"HOST_NAME": HOST}
    assert preflight._transcripts(collector(home / "nowhere", 1000, state="off")).status == "ok"


def test_the_usual_folder_alone_is_mounted_where_it_exists_and_its_owner_reads_it(checkout: Path, home: Path) -> None:
    folder = transcripts(home)
    owner = folder.stat().st_uid
    expected = {"TRANSCRIPTS_DIR": str(folder), "HOST_NAME": HOST}
    assert found_choices(checkout) == expected | ({"TRANSCRIPTS_UID": str(owner)} if owner != 1000 else {})


def test_claude_codes_own_variable_and_the_timezone_are_found(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config" / "projects").mkdir(parents=True)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    found = found_choices(checkout)
    assert found["TRANSCRIPTS_DIR"] == str(tmp_path / "config" / "projects")
    assert found["TIMEZONE"] == "Asia/Kolkata"


def test_what_was_chosen_is_left_alone(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / ".env").write_text("HOST_NAME=mine\nTRANSCRIPTS_DIR=/elsewhere\n")
    monkeypatch.setenv("TIMEZONE", "Europe/Berlin")
    assert found_choices(checkout) == {}


def test_choices_are_added_to_what_is_there_and_once(checkout: Path) -> None:
    (checkout / ".env").write_text("SCHEDULE=off")  # without an end of line, as editors leave it
    for _ in range(2):
        write_choices(found_choices(checkout), checkout)
    lines = (checkout / ".env").read_text().splitlines()
    assert lines == [
        *("SCHEDULE=off", "# Found out by ./analytics up", f"HOST_NAME={HOST}"),
    ]


def test_only_known_accounts_are_shown() -> None:
    with pytest.raises(ApplianceError, match=r"^expected one of metabase, scheduler, mongo, store, found 'root'$"):
        credentials(Compose(), "root")


def test_what_is_done_once_is_known_as_such() -> None:
    assert SERVICES.keys() - LASTING.keys() == ONE_SHOTS


def test_a_machine_without_docker_is_told_so_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = preflight.preflight(Compose())
    assert (finding.name, finding.status) == ("Engine", "fail")
    assert finding.found.startswith("docker is not installed")
    assert finding.fix


@pytest.mark.parametrize(
    ("found", "status"),
    [("20.10.24+dfsg1", "ok"), ("28.2.2", "ok"), ("v2.40.3-desktop.1", "ok"), ("19.3.0", "fail"), ("what?", "fail")],
)
def test_versions_are_read_in_every_way_that_docker_writes_them(found: str, status: str) -> None:
    least = (20, 10) if found[0] != "v" else (2, 20)
    assert preflight._version("Engine", found, least, "", "").status == status


@pytest.mark.parametrize(("found", "status"), [(7.7, "ok"), (5.0, "warn"), (2.0, "fail")])
def test_too_little_memory_is_a_warning_before_it_is_a_refusal(found: float, status: str) -> None:
    finding = preflight._amount("Memory", found, 4, 8, "of memory", "get more")
    assert (finding.status, finding.fix) == (status, "" if status == "ok" else "get more")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_another_program_has_is_named(taken: int) -> None:
    assert str(preflight._why_taken("127.0.0.1", taken)).startswith(os.strerror(errno.EADDRINUSE))
    assert preflight._why_taken("127.0.0.1", 0) is None


def collector(source: Path, uid: int, target: str = preflight.TRANSCRIPTS, state: str = "on") -> dict[str, Any]:
    mount = {"source": str(source), "target": target}
    return {
        "services": {"collector": {"volumes": [mount], "user": f"{uid}:10001", "environment": {"COLLECTOR": state}}}
    }


def test_transcripts_are_counted_where_they_may_be_read_and_their_owner_named_where_not(home: Path) -> None:
    folder = transcripts(home)
    (folder / "project").mkdir()
    (folder / "project" / "session.jsonl").touch()
    owner = folder.stat().st_uid
    folder.chmod(0o700)
    for config in (collector(folder, owner), collector(home, owner, preflight.HOME)):
        assert preflight._transcripts(config).found == f"1 transcripts in {folder}"
    refused = preflight._transcripts(collector(folder, owner + 1))
    assert (refused.status, refused.fix) == ("fail", f"set TRANSCRIPTS_UID={owner} in .env")


def test_with_a_rootless_engine_the_owner_is_root_in_the_container(checkout: Path, home: Path) -> None:
    folder = transcripts(home)
    folder.chmod(0o700)
    assert found_choices(checkout, rootless=True)["TRANSCRIPTS_UID"] == "0"
    assert preflight._transcripts(collector(folder, 0), rootless=True).status == "ok"
    refused = preflight._transcripts(collector(folder, 1234), rootless=True)
    assert (refused.status, refused.fix) == ("fail", "set TRANSCRIPTS_UID=0 in .env")
    assert (uid_inside(4321, rootless=True), uid_inside(4321, rootless=False)) == (4321, 4321)


def test_a_chosen_folder_must_be_there_and_one_that_nobody_chose_is_waited_for(home: Path) -> None:
    assert preflight._transcripts(collector(home / "nowhere", 1000)).status == "fail"
    waited_for = preflight._transcripts(collector(home, 1000, preflight.HOME))
    assert (waited_for.status, waited_for.found) == ("warn", f"no folder {home}/.claude/projects yet")
