"""Shared by the tests on a Docker engine: one appliance at a time, since two slow each other down."""

import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.appliance.bundle import images
from cli.appliance.compose import Compose, docker


@pytest.fixture(scope="module")
def engine() -> Iterator[None]:
    """The engine for this module alone; skips where compose.yaml's images are not here and cannot be pulled."""
    third_party = [name for name in images(Compose()) if not name.startswith("claude-analytics/")]
    if not_here := [name for name in third_party if not docker("image", "ls", "--quiet", name)]:
        pytest.skip(f"no image {', '.join(not_here)} on this machine: run tests/images/prepare, or docker compose pull")
    with (Path(tempfile.gettempdir()) / "claude-analytics-engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
