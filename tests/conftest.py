"""What every test gets: no settings of this machine, the corpus where there is one, markers that skip with a reason."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from common.settings import Settings
from scheduler import dbt_process
from tests.dbt_forks import REAL_WORKER, Forks, forks_of_dbt
from tests.made_once import made_once

ROOT = Path(__file__).resolve().parent.parent
CORPUS, EXPECTED = "CLAUDE_ANALYTICS_CORPUS", "CLAUDE_ANALYTICS_EXPECTED"
DEMO = "CLAUDE_ANALYTICS_DEMO"
LONGEST = (
    *("smoke/test_smoke.py", "integration/spark/test_marts.py"),
    *("unit/test_style_of_sql.py", "unit/test_style.py"),
)
"""Files that are begun first, since one worker would be busy with them alone at the end."""
BY_FOLDER = {"integration": "integration", "browser": "browser", "smoke": "compose", "operator": "compose"}


@cache
def _chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


@cache
def _docker_engine() -> bool:
    if not shutil.which("docker"):
        return False
    answer = subprocess.run(["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, check=False)
    return answer.returncode == 0


def _missing(item: pytest.Item) -> str | None:
    """What this machine lacks for a test, and how to get it."""
    if item.get_closest_marker("corpus") and not os.environ.get(CORPUS):
        return f"no corpus: set {CORPUS} to a folder that holds projects/"
    if item.get_closest_marker("browser") and not _chromium():
        return "no Chromium on PATH: install the package chromium"
    if item.get_closest_marker("compose") and not _docker_engine():
        return "no Docker engine answers: start one"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, skip with the reason what cannot run here, and begin with the longest files."""
    first = {ROOT / "tests" / name for name in LONGEST}
    items.sort(key=lambda item: item.path not in first)
    for item in items:
        for folder in item.path.relative_to(ROOT).parts:
            if folder in BY_FOLDER:
                item.add_marker(BY_FOLDER[folder])
        if reason := _missing(item):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_this_machine() -> Iterator[None]:
    """A developer's own .env and environment reach no test: neither their figures nor their servers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Settings.model_config, "env_file", None)
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
            patch.delenv(f"{name.upper()}_FILE", raising=False)
        patch.delenv("CLAUDE_CONFIG_DIR", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def dbt_forks() -> Iterator[Forks]:
    """A dbt process that a test starts within its own process is a fork of one that has imported dbt."""
    with forks_of_dbt() as forks:
        yield forks


@pytest.fixture
def real_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start dbt as users' runs do: for tests of the process itself."""
    monkeypatch.setattr(dbt_process, "WORKER", REAL_WORKER)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real transcripts, the one that holds projects/."""
    return Path(os.environ[CORPUS])


@pytest.fixture(scope="session")
def expected(corpus: Path) -> dict[str, Any]:
    """What an independent count found in the corpus."""
    file = Path(os.environ.get(EXPECTED) or corpus / "expected.json")
    counted: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return counted


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium; for tests in tests/browser, which are skipped without one."""
    path = _chromium()
    assert path is not None
    return path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The data directory of one `./analytics demo`; it runs once, whichever worker asks first. Only to be read.

    CLAUDE_ANALYTICS_DEMO names one that has run already, as in `.ci/run`.
    """
    if given := os.environ.get(DEMO):
        return Path(given)

    def make(data: Path) -> None:
        command = [sys.executable, "-P", "-m", "cli", "demo", "--data", str(data)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run(command, cwd=data.parent, env=environment, check=True, capture_output=True, text=True)

    return made_once(tmp_path_factory, worker_id, "demo", make)
