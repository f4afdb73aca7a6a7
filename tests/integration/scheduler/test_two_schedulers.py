"""Two runners on one volume, killed at random: never do both write, and what they leave is whole."""

import random
import threading
from contextlib import closing
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest

from common.paths import DuckDBVolume
from scheduler.work_database import connect
from tests.integration.fork_server import fork_server
from tests.integration.scheduler.writer import write, write_for_ever

pytestmark = pytest.mark.integration

ROUNDS = 50


def start(context: ForkServerContext, root: Path, name: str) -> ForkServerProcess:
    process = context.Process(target=write_for_ever, args=(root, name), daemon=True)
    process.start()
    return process


def await_progress(progress: Path, pause: threading.Event) -> None:
    """Return when a scheduler has written since the call."""
    before = progress.stat().st_size if progress.exists() else 0
    for _ in range(3000):
        if progress.exists() and progress.stat().st_size > before:
            return
        pause.wait(0.01)
    pytest.fail("neither runner writes")


def test_two_runners_never_write_together_however_they_are_killed(tmp_path: Path) -> None:
    volume = DuckDBVolume(tmp_path)
    context = fork_server()
    chance, pause = random.Random(7), threading.Event()
    runners = [start(context, tmp_path, "0"), start(context, tmp_path, "0")]
    for number in range(1, ROUNDS + 1):
        await_progress(tmp_path / "progress", pause)
        pause.wait(chance.uniform(0, 0.1))
        victim = chance.randrange(2)
        runners[victim].kill()
        runners[victim].join()
        runners[victim] = start(context, tmp_path, str(number))
    for process in runners:
        process.kill()
        process.join()
    assert not (tmp_path / "violation").exists()
    write(volume, "end")
    with closing(connect(volume.work_database)) as connection:
        assert connection.execute("select sum(amount) from written").fetchone() == (0,), "no half transaction"
    wrote = (tmp_path / "progress").read_text(encoding="utf-8").split()
    assert len(wrote) >= ROUNDS
    assert len(set(wrote)) > 1
