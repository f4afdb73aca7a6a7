"""The pipeline lock: one holder at a time, named, and gone with its process."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scheduler.lock import LockHeld, PipelineLock

HOLD = """
import sys
from pathlib import Path
from scheduler.lock import PipelineLock
with PipelineLock(Path(sys.argv[1])).hold("pipeline"):
    print("held", flush=True)
    sys.stdin.read()
"""


def start_holder(path: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLD, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


@pytest.fixture
def lock(tmp_path: Path) -> PipelineLock:
    return PipelineLock(tmp_path / "pipeline.lock")


def test_a_second_process_is_told_who_holds_the_lock(lock: PipelineLock) -> None:
    holder = start_holder(lock.path)
    try:
        with (
            pytest.raises(LockHeld, match=rf"pipeline by process {holder.pid} on .* since \d{{4}}-") as held,
            lock.hold(),
        ):
            pytest.fail("two processes hold the lock")
        assert held.value.holder is not None
        assert held.value.holder.pid == holder.pid
        assert lock.holder() == held.value.holder
    finally:
        end(holder)


def test_the_kernel_frees_the_lock_of_a_killed_process(lock: PipelineLock) -> None:
    end(start_holder(lock.path))
    assert lock.path.read_text(encoding="utf-8") != ""  # the dead process's name is still there, and means nothing
    assert lock.holder() is None
    with lock.hold():
        assert lock.holder() is not None


def test_two_threads_of_one_process_exclude_each_other(lock: PipelineLock) -> None:
    with lock.hold(), pytest.raises(LockHeld), PipelineLock(lock.path).hold():
        pytest.fail("two threads hold the lock")


def test_who_waits_gets_the_lock_when_it_is_freed(lock: PipelineLock) -> None:
    holder = start_holder(lock.path)
    threading.Timer(0.3, holder.kill).start()
    with lock.hold(wait_seconds=120):
        assert lock.holder() is not None
    holder.communicate()


def test_waiting_ends_when_the_runner_stops(lock: PipelineLock) -> None:
    stop = threading.Event()
    stop.set()
    with lock.hold(), pytest.raises(LockHeld), PipelineLock(lock.path).hold(wait_seconds=3600, stop=stop):
        pytest.fail("two hold the lock")


def test_a_lock_file_that_was_replaced_is_not_mistaken_for_the_lock(lock: PipelineLock) -> None:
    """A restore may put another file in its place: the lock of the new file counts, and it is free."""
    with lock.hold():
        lock.path.unlink()
        with PipelineLock(lock.path).hold():
            assert lock.holder() is not None


def test_a_free_lock_has_no_holder_and_asking_creates_no_file(lock: PipelineLock) -> None:
    assert lock.holder() is None
    assert not lock.path.exists()


def test_a_holder_whose_name_cannot_be_read_still_holds_the_lock(lock: PipelineLock) -> None:
    holder = start_holder(lock.path)
    lock.path.write_text("{", encoding="utf-8")
    try:
        assert lock.holder() is not None
        with pytest.raises(LockHeld, match="unknown holder"), lock.hold():
            pytest.fail("two processes hold the lock")
    finally:
        end(holder)
