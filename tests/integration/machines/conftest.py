"""A receiver and a machine for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.collecting import LINE, write
from tests.integration.machines.receiving import Receiver, Sender


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """A receiver that answers, over an empty record store."""
    started = Receiver(tmp_path / "appliance")
    started.start()
    yield started
    started.kill()


@pytest.fixture
def laptop(tmp_path: Path) -> Sender:
    """A machine with one transcript of three lines."""
    machine = Sender(tmp_path / "laptop")
    write(machine.projects / "p/s.jsonl", LINE % 1 + LINE % 2 + LINE % 3)
    return machine
