"""The demo's published database, and the stand-in for Metabase as its own process."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from metabase.client import Client
from metabase.first_start import DatabaseSettings, connect
from metabase.provision import ProvisionResult, provision
from tests.integration.conftest import free_port
from tests.integration.fork_server import fork_server, stand_in
from tests.standin_metabase.app import make_app
from tests.standin_metabase.application_db import Content, content_of
from tests.standin_metabase.state import State

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


@contextmanager
def standing_in(log: Path, content: Content | None = None) -> Iterator[str]:
    """Yield the address of a stand-in with this content: without any, it has no user, no database, nothing."""
    port = free_port()
    process = fork_server().Process(target=stand_in, args=(port, log, content), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.join(120)


@pytest.fixture
def metabase_url(tmp_path: Path) -> Iterator[str]:
    """The address of a fresh stand-in."""
    with standing_in(tmp_path / "standin.log") as url:
        yield url


@pytest.fixture
def client(metabase_url: str) -> Client:
    """Signed in as the first user, who was made on the way."""
    return connect(metabase_url, USER, PASSWORD, wait_seconds=60)


@pytest.fixture(scope="module")
def settings(published: Path, tmp_path_factory: pytest.TempPathFactory) -> DatabaseSettings:
    """Those of a database that no test changes."""
    folder = tmp_path_factory.mktemp("volume")
    file = Volume(folder, published).publish(1)
    return DatabaseSettings(file=str(file), timezone="Europe/Berlin", temp_directory=str(folder / "spill"))


@pytest.fixture(scope="module")
def provisioned(settings: DatabaseSettings) -> tuple[ProvisionResult, Content]:
    """What a first provisioning did, and what Metabase holds after it."""
    state, port = State(), free_port()
    server = uvicorn.Server(uvicorn.Config(make_app(state), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        done = provision(connect(f"http://127.0.0.1:{port}", USER, PASSWORD, wait_seconds=60), settings)
    finally:
        server.should_exit = True
        thread.join()
    return done, content_of(state)


@pytest.fixture
def done(provisioned: tuple[ProvisionResult, Content]) -> ProvisionResult:
    """What the first provisioning of `furnished` did."""
    return provisioned[0]


@pytest.fixture
def furnished(provisioned: tuple[ProvisionResult, Content], tmp_path: Path) -> Iterator[Client]:
    """A client of a stand-in that was provisioned once: a copy for each test."""
    with standing_in(tmp_path / "standin.log", provisioned[1]) as url:
        yield connect(url, USER, PASSWORD, wait_seconds=60)
