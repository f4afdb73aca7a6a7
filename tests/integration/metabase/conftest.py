"""The demo's published database, and the stand-in for Metabase as its own process."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from metabase.client import Client
from metabase.first_start import connect
from tests.integration.conftest import free_port
from tests.integration.fork_server import fork_server, stand_in

USER, PASSWORD = "admin@example.org", "a-password-of-this-test-1"


@pytest.fixture(scope="session")
def published(demo: Path) -> Path:
    """The database that the demo published."""
    return demo / "duckdb" / "current" / "analytics.db"


class Volume:
    """A DuckDB volume whose generations a test publishes itself, each a copy of the demo's database."""

    def __init__(self, root: Path, database: Path) -> None:
        self.root = root
        self.source = database
        self.file = root / "current" / database.name

    def publish(self, number: int) -> Path:
        """Make generation `number` the current one, as the scheduler does."""
        folder = self.root / "generations" / str(number)
        folder.mkdir(parents=True)
        shutil.copy(self.source, folder)
        link = self.root / "next"
        link.symlink_to(Path("generations") / str(number))
        link.replace(self.root / "current")
        return self.file


@pytest.fixture
def volume(tmp_path: Path, published: Path) -> Volume:
    """A volume whose generation 1 is published."""
    volume = Volume(tmp_path, published)
    volume.publish(1)
    return volume


@pytest.fixture
def metabase_url(tmp_path: Path) -> Iterator[str]:
    """The address of a fresh stand-in: no user, no database, nothing in it."""
    port = free_port()
    process = fork_server().Process(target=stand_in, args=(port, tmp_path / "standin.log"), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.join(120)


@pytest.fixture
def client(metabase_url: str) -> Client:
    """Signed in as the first user, who was made on the way."""
    return connect(metabase_url, USER, PASSWORD, wait_seconds=60)
