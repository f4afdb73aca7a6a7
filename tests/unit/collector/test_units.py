"""What has the system start the sender: files that systemd and launchd read as they were meant."""

import configparser
import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from collector.sender import units
from common.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a folder whose name needs care."""
    return load_settings(
        data_dir=tmp_path / 'My 100% "Data" $HOME', transcripts_dir=(tmp_path / "t",), log_level="WARNING"
    )


def test_the_systemd_unit_starts_the_sender_with_the_settings_of_its_installation(settings: Settings) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    text = units.systemd(settings).decode()
    parser.read_string(text)
    assert parser["Service"]["ExecStart"].endswith('"send"')
    assert '100%% \\"Data\\" $$HOME"' in text
    assert 'Environment="LOG_LEVEL=WARNING"' in text
    assert parser["Service"]["RestartPreventExitStatus"] == "2"
    assert parser["Install"]["WantedBy"] == "default.target"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / f"{units.NAME}.service"
    unit.write_bytes(units.systemd(load_settings(data_dir=tmp_path)))
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", unit], capture_output=True, text=True, check=False, timeout=60
    )
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []


def test_the_launchd_agent_starts_the_sender_with_the_settings_of_its_installation(settings: Settings) -> None:
    agent = plistlib.loads(units.launchd(settings))
    assert agent["ProgramArguments"][-1] == "send"
    assert agent["EnvironmentVariables"]["DATA_DIR"] == str(settings.data_dir)
    assert agent["EnvironmentVariables"]["TRANSCRIPTS_DIR"] == str(settings.transcripts_dir[0])
    assert agent["KeepAlive"] == {"SuccessfulExit": False}


@pytest.mark.parametrize(("system", "place"), [("linux", "systemd/user"), ("darwin", "LaunchAgents")])
def test_a_unit_is_written_and_the_system_told(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, place: str
) -> None:
    """The system's program is a script of the test's own, which writes down what it is asked."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in ("systemctl", "launchctl"):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\necho "$0 $*" >>{tmp_path}/asked\n', encoding="utf-8")
        script.chmod(0o755)
    unit = units.unit_of(settings, system)
    units.install(unit)
    assert place in str(unit.path)
    assert unit.path.read_bytes() == unit.content
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert len(asked) == 2
    assert asked[1].endswith(f"enable --now {units.NAME}" if system == "linux" else str(unit.path))


def test_a_system_that_refuses_is_quoted(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    script = tmp_path / "systemctl"
    script.write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n", encoding="utf-8")
    script.chmod(0o755)
    with pytest.raises(units.UnitError, match=r"is written, but systemctl .* failed: Failed to connect to bus; run"):
        units.install(units.unit_of(settings, "linux"))
