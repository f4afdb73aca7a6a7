"""What each released version left opens in this one, and its figures are what they were."""

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from records.sqlite_store import SqliteStore
from records.store import EARLIEST
from scheduler.history import History
from tests.dbt_forks import Forks
from tests.releases.make import figures

ROOT = Path(__file__).resolve().parents[2]
RELEASES = sorted(path.parent for path in (ROOT / "tests/releases").glob("*/figures.json"))
Command = Callable[..., None]
each_release = pytest.mark.parametrize("release", RELEASES, ids=[path.name for path in RELEASES])


@pytest.fixture
def data(release: Path, tmp_path: Path) -> Path:
    """The data directory that the release left, without what is made again from it."""
    packed = (release / "data.tar.zst").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(zstandard.ZstdDecompressor().decompress(packed))) as tar:
        tar.extractall(tmp_path / "data", filter="data")
    return tmp_path / "data"


@pytest.fixture
def analytics(tmp_path: Path, dbt_forks: Forks) -> Command:
    """Runs a command where there is no transcript left."""

    def run(*arguments: object) -> None:
        settings = {"PYTHONPATH": str(ROOT), "TIMEZONE": "UTC", "HOST_NAME": "release", "COLLECTOR": "off"}
        command = [*dbt_forks.cli(), *map(str, arguments)]
        subprocess.run(command, cwd=tmp_path, env=os.environ | settings, check=True, capture_output=True)

    return run


def expected(release: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((release / "figures.json").read_text())
    return found


def test_there_is_one_of_each_version() -> None:
    """Of every version in the changelog; made with tests/releases/make.py when it is released."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = {line.split()[1] for line in changelog.splitlines() if line.startswith("## ")}
    assert versions <= {release.name for release in RELEASES}


@each_release
def test_what_it_left_gives_the_same_figures(release: Path, data: Path, tmp_path: Path, analytics: Command) -> None:
    analytics("run", "--data", data)
    assert figures(ROOT, tmp_path, data) == expected(release)
    kinds = [run.kind for run in History(data / "scheduler/history.db").runs()]
    assert kinds.count("pipeline") >= 2, "the run of that version is still in the history"


@each_release
def test_its_backup_comes_back(release: Path, data: Path, tmp_path: Path, analytics: Command) -> None:
    if not (data / "backups").exists():
        pytest.skip(f"{release.name} had no backups yet")
    (data / "backups").chmod(0o700)
    analytics("backup", "verify", "--to", data / "backups")
    analytics("restore", data / "backups", "--data", tmp_path / "back")
    with (
        closing(SqliteStore(data / "records/records.db")) as original,
        closing(SqliteStore(tmp_path / "back/records/records.db")) as restored,
    ):
        assert list(restored.read_after(EARLIEST)) == list(original.read_after(EARLIEST))
