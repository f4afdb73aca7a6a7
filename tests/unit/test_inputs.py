"""Wrong input stops at once, with one line that names the option, and leaves nothing behind."""

import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.doctor import CHECKS
from common.errors import UsageError
from common.settings import load_settings
from common.transcript_files import TranscriptsError
from scheduler.pipeline_steps import pipeline_steps
from scheduler.web.status import Standing
from standalone.engine import open_engine
from standalone.inputs import check_data_dir, check_transcripts

ROOT = Path(__file__).resolve().parents[2]


def with_transcript(folder: Path) -> Path:
    (folder / "projects/p").mkdir(parents=True)
    (folder / "projects/p/s.jsonl").write_text('{"type":"user"}\n')
    return folder / "projects"


def an_empty_folder(folder: Path) -> dict[str, Path]:
    (folder / "empty").mkdir()
    return {"transcripts": folder / "empty", "data": folder / "data"}


def a_missing_folder(folder: Path) -> dict[str, Path]:
    return {"transcripts": folder / "missing", "data": folder / "data"}


def a_file_for_data(folder: Path) -> dict[str, Path]:
    (folder / "file").touch()
    return {"transcripts": with_transcript(folder), "data": folder / "file"}


def a_folder_below_a_file_for_data(folder: Path) -> dict[str, Path]:
    return a_file_for_data(folder) | {"data": folder / "file" / "data"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (an_empty_folder, "found none below"),
        (a_missing_folder, "No such file or directory"),
        (a_file_for_data, "found the file"),
        (a_folder_below_a_file_for_data, "found the file"),
    ],
)
def test_a_run_that_cannot_be_ends_with_one_line_and_leaves_nothing(
    tmp_path: Path, given: Callable[[Path], dict[str, Path]], said: str
) -> None:
    options = given(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    command = [sys.executable, "-P", "-m", "cli", "run"]
    command += [part for name, path in options.items() for part in (f"--{name}", str(path))]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_data_directory_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a read-only volume, where root may not write either."""

    def refuse(*_: object, **__: object) -> str:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(UsageError, match=r"^DATA_DIR: expected a writable folder, .*: Read-only"):
        check_data_dir(load_settings(data_dir=tmp_path / "data"))


def test_an_empty_folder_is_no_error_where_a_history_was_kept(tmp_path: Path) -> None:
    """Claude Code deletes what is old; what was collected stays."""
    (tmp_path / "projects").mkdir()
    settings = load_settings(transcripts_dir=str(tmp_path / "projects"), data_dir=tmp_path / "data")
    with pytest.raises(UsageError):
        check_transcripts(settings)
    (tmp_path / "data/records").mkdir(parents=True)
    (tmp_path / "data/records/records.db").touch()
    check_transcripts(settings)


def test_of_several_folders_each_must_be_there_and_one_must_hold_transcripts(tmp_path: Path) -> None:
    full, empty, data = with_transcript(tmp_path), tmp_path / "empty", tmp_path / "data"
    empty.mkdir()
    check_transcripts(load_settings(transcripts_dir=f"{empty},{full}", data_dir=data))
    with pytest.raises(TranscriptsError, match="missing"):
        check_transcripts(load_settings(transcripts_dir=f"{full},{tmp_path}/missing", data_dir=data))


def test_a_folder_with_compressed_transcripts_only_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "projects/p").mkdir(parents=True)
    (tmp_path / "projects/p/s.jsonl.gz").write_bytes(gzip.compress(b'{"type":"user"}\n'))
    check_transcripts(load_settings(transcripts_dir=str(tmp_path / "projects"), data_dir=tmp_path / "data"))


def test_a_host_that_only_receives_needs_no_folder_and_has_nothing_at_risk(tmp_path: Path) -> None:
    """A folder that is there all the same is left alone."""
    missing = load_settings(transcripts_dir=str(tmp_path / "missing"), data_dir=tmp_path / "data", collector="off")
    check_transcripts(missing)
    there = load_settings(transcripts_dir=str(with_transcript(tmp_path)), data_dir=tmp_path / "data", collector="off")
    for settings in (missing, there):
        assert CHECKS["Transcripts"](settings).status == "ok"
        standing = Standing(settings, stores={})
        assert (standing.at_risk(), standing.sees_transcripts()) == ([], False)
    with open_engine(there) as engine:
        assert "collect" not in [step.name for step in pipeline_steps(engine.parts())]
