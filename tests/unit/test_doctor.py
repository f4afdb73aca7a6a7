"""What the doctor finds, on machines made for it: folders, files, ports and databases that are really there, or not."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import duckdb
import pytest
from packaging.requirements import Requirement

from cli import doctor
from cli.doctor import CHECKS, diagnose, healthy, transcripts_at_risk
from cli.finding import Finding
from common.paths import DataPaths
from common.settings import Settings, load_settings
from records import Place, StoredLine
from records.sqlite_store import SqliteStore
from scheduler.web.status import kept_days
from tests.unit.served import served

DAY = 86_400


@pytest.fixture
def transcripts(tmp_path: Path) -> Path:
    """A folder like `~/.claude/projects` with one transcript, written now."""
    write_transcript(tmp_path / "claude" / "projects", "-home-me-app/today.jsonl", age_days=0)
    return tmp_path / "claude" / "projects"


def write_transcript(folder: Path, name: str, age_days: float) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"type": "user"}\n')
    os.utime(file, (time.time() - age_days * DAY,) * 2)
    return file


def settings_for(tmp_path: Path, **chosen: Any) -> Settings:
    """Settings that keep off this machine: a data directory of the test's own, and any free port."""
    places = {"transcripts_dir": tmp_path / "claude" / "projects", "data_dir": tmp_path / "data"}
    defaults = places | {
        "host_name": "here",
        "timezone": "Europe/Berlin",
        "scheduler_port": 0,
    }
    return load_settings(**defaults | chosen)


def finding(settings: Settings, name: str) -> Finding:
    found = CHECKS[name](settings)
    assert found.name == name
    return found


def publish(settings: Settings, *statements: str) -> Path:
    """A published database with the one mart that the doctor counts, and what the statements add."""
    file = DataPaths.of(settings).duckdb.published_database
    file.parent.mkdir(parents=True)
    with duckdb.connect(str(file)) as database:
        database.execute("create schema raw; create schema marts; create table marts.dim_sessions as select 1 as id")
        for statement in statements:
            database.execute(statement)
    return file


def test_a_machine_that_has_everything_is_healthy(tmp_path: Path, transcripts: Path) -> None:
    settings = settings_for(tmp_path)
    publish(settings)
    findings = diagnose(settings)
    assert healthy(findings)
    assert {finding.name for finding in findings if finding.status == "ok"} >= {
        "Packages",
        "Timezone",
        "Transcripts",
        "Deletion",
        "Data directory",
        "Record store",
        "Iceberg",
        "Port",
        "Published",
        "Docker",
    }


def test_the_doctor_changes_nothing(tmp_path: Path, transcripts: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    diagnose(settings_for(tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


def test_whatever_is_not_ok_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    findings = diagnose(settings_for(tmp_path, mongo_uri="mongodb://me:hunter2@127.0.0.1:1"))
    assert not healthy(findings)
    for finding in findings:
        assert finding.found
        assert finding.expected
        assert bool(finding.fix) == (finding.status != "ok"), finding


def test_a_check_that_may_not_look_is_a_finding_too(
    tmp_path: Path, transcripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a closed folder on the way raises: file modes do not stop root."""

    def closed(_: Settings) -> Finding:
        raise PermissionError(13, "Permission denied", "/home/other/data")

    monkeypatch.setitem(CHECKS, "Disk", closed)
    (found,) = [finding for finding in diagnose(settings_for(tmp_path)) if finding.name == "Disk"]
    assert (found.status, found.found) == ("fail", "/home/other/data: Permission denied")
    assert found.fix


def test_without_transcripts_it_says_where_it_looked_and_demo_still_works(tmp_path: Path) -> None:
    found = finding(settings_for(tmp_path), "Transcripts")
    assert found.status == "warn"
    assert str(tmp_path / "claude" / "projects") in found.found
    assert "TRANSCRIPTS_DIR" in found.fix


def test_a_transcript_that_cannot_be_read_is_named(tmp_path: Path, transcripts: Path) -> None:
    """A link to nowhere stands for it: file modes do not stop root."""
    (transcripts / "-home-me-app" / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    found = finding(settings_for(tmp_path), "Transcripts")
    assert found.status == "fail"
    assert "gone.jsonl" in found.found


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, transcripts: Path) -> None:
    locked = transcripts / "-home-me-secret"
    locked.mkdir(mode=0o000)
    found = finding(settings_for(tmp_path), "Transcripts")
    locked.chmod(0o700)
    assert found.status == "fail"
    assert "-home-me-secret" in found.found


def test_a_transcript_about_to_be_deleted_and_not_collected_is_a_warning(tmp_path: Path, transcripts: Path) -> None:
    write_transcript(transcripts, "-home-me-app/old.jsonl", age_days=25)
    found = finding(settings_for(tmp_path), "Deletion")
    assert found.status == "warn"
    assert "-home-me-app/old.jsonl" in found.found
    assert "./analytics run" in found.fix


def test_what_is_collected_whole_by_this_host_is_not_at_risk(tmp_path: Path, transcripts: Path) -> None:
    for name in ("whole", "grown", "foreign"):
        size = write_transcript(transcripts, f"p/{name}.jsonl", age_days=25).stat().st_size
    settings = settings_for(tmp_path)
    publish(
        settings,
        "create table raw.transcript_files (host varchar, source_file varchar, read_bytes bigint)",
        f"insert into raw.transcript_files values ('here', 'p/whole.jsonl', {size})",
        f"insert into raw.transcript_files values ('here', 'p/grown.jsonl', {size - 1})",
        f"insert into raw.transcript_files values ('elsewhere', 'p/foreign.jsonl', {size})",
    )
    assert sorted(transcripts_at_risk(settings)) == ["p/foreign.jsonl", "p/grown.jsonl"]


def test_at_risk_is_what_the_collector_would_see(tmp_path: Path, transcripts: Path) -> None:
    """Linked folders and odd names among it; a link to nowhere and a folder with such a name are no transcripts."""
    elsewhere = write_transcript(tmp_path / "elsewhere", "linked.jsonl", age_days=25).parent
    (transcripts / "link").symlink_to(elsewhere)
    (transcripts / "loop").symlink_to(transcripts)
    (transcripts / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    (transcripts / "folder.jsonl").mkdir()
    write_transcript(transcripts, os.fsdecode(b"p/\xff.jsonl"), age_days=25)
    assert sorted(transcripts_at_risk(settings_for(tmp_path))) == ["link/linked.jsonl", "p/\\xff.jsonl"]


def test_claude_codes_own_setting_says_when_it_deletes(tmp_path: Path, transcripts: Path) -> None:
    settings = settings_for(tmp_path, transcript_days=30)
    assert kept_days(settings) == 30
    (transcripts.parent / "settings.json").write_text(json.dumps({"cleanupPeriodDays": 99}))
    assert kept_days(settings) == 99
    write_transcript(transcripts, "p/old.jsonl", age_days=60)
    assert finding(settings, "Deletion").status == "ok"


@pytest.mark.parametrize("content", ["{", "[]", '{"cleanupPeriodDays": "soon"}', "{}"])
def test_a_settings_file_without_that_setting_changes_nothing(tmp_path: Path, transcripts: Path, content: str) -> None:
    (transcripts.parent / "settings.json").write_text(content)
    assert kept_days(settings_for(tmp_path, transcript_days=30)) == 30


def test_a_data_directory_that_is_a_file_fails(tmp_path: Path, transcripts: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    found = finding(settings_for(tmp_path), "Data directory")
    assert found.status == "fail"
    assert "DATA_DIR" in found.fix


def test_a_disk_without_room_is_said_before_it_is_full(tmp_path: Path, transcripts: Path) -> None:
    """Room for five times the transcripts is expected: a sparse file makes them large without filling the disk."""
    huge = transcripts / "p" / "huge.jsonl"
    huge.parent.mkdir()
    with huge.open("wb") as file:
        file.truncate(2**42)
    found = finding(settings_for(tmp_path), "Disk")
    assert found.status == "warn"
    assert found.expected == "20481.0 GiB"


def test_a_port_that_another_program_has_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = finding(settings_for(tmp_path, scheduler_port=other.getsockname()[1]), "Port")
    assert found.status == "warn"
    assert "SCHEDULER_PORT" in found.fix


@pytest.fixture
def status_page() -> Iterator[int]:
    """A server that answers /healthz as ours does; its port."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()

    with served(Page) as port:
        yield port


def test_our_own_status_page_on_the_port_is_fine(tmp_path: Path, status_page: int) -> None:
    found = finding(settings_for(tmp_path, scheduler_port=status_page), "Port")
    assert (found.status, "our status page" in found.found) == ("ok", True)


def test_a_mongodb_that_does_not_answer_fails_and_its_password_is_not_shown(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as freed:
        port = freed.getsockname()[1]
    found = finding(settings_for(tmp_path, mongo_uri=f"mongodb://me:hunter2@127.0.0.1:{port}"), "Record store")
    assert found.status == "fail"
    assert "hunter2" not in str(found)


def test_copies_that_differ_are_told_with_their_counts(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "data/records/records.db")) as store:
        store.restore_lines([StoredLine("a", None, None, "user", Place("h", "p", "p/s.jsonl", 0), None, b"{}")])
    found = finding(settings_for(tmp_path), "Record store")
    assert (found.status, "./analytics run" in found.fix) == ("warn", True)
    assert found.found.startswith("1 lines and 0 rejected")


def test_an_iceberg_catalog_that_does_not_answer_fails(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as freed:
        port = freed.getsockname()[1]
    found = finding(settings_for(tmp_path, iceberg_rest_uri=f"http://127.0.0.1:{port}"), "Iceberg")
    assert found.status == "fail"
    assert str(port) in found.found


def test_a_published_file_that_is_no_database_fails(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    file = DataPaths.of(settings).duckdb.published_database
    file.parent.mkdir(parents=True)
    file.write_text("no database " * 1000)
    found = finding(settings, "Published")
    assert found.status == "fail"
    assert "--full-refresh" in found.fix


def test_the_published_sessions_are_counted(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    publish(settings)
    assert finding(settings, "Published").found.startswith("1 session in ")


def test_utc_is_questioned_because_it_is_also_what_an_unknown_timezone_becomes(tmp_path: Path) -> None:
    assert finding(settings_for(tmp_path, timezone="UTC"), "Timezone").status == "warn"


def test_a_package_of_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("# pins\nduckdb==0.0.1 \\\n    --hash=sha256:00\nno-such-package==1 ; python_version < '3'\n")
    monkeypatch.setattr(doctor, "LOCK", lock)
    found = finding(settings_for(tmp_path), "Packages")
    assert found.status == "fail"
    assert found.found.endswith(": duckdb"), "a package for other machines is not missing here"


def test_every_locked_package_is_known_by_its_name_and_version() -> None:
    pins = list(doctor.locked_requirements(doctor.LOCK))
    assert Requirement("duckdb==1.5.5") in [Requirement(f"{pin.name}{pin.specifier}") for pin in pins]
