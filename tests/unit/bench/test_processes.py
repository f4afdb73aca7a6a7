"""Programs that are measured: their time and memory, those of what they start, and that nothing is left behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.processes import Tree, measure, printed, started

WORK = """
import subprocess, sys, time
if len(sys.argv) > 1:
    subprocess.run([sys.executable, sys.argv[0]], check=True)
kept = bytearray(b"x" * 80_000_000)
end = time.process_time() + 0.3
while time.process_time() < end: pass
time.sleep(0.3)
print("done")
"""
ENDLESS = "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"


def test_seconds_memory_and_cpu_are_those_of_the_program_and_of_all_below_it(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(WORK)
    done = measure("work", [sys.executable, "work.py", "twice"], tmp_path, os.environ)
    assert done.output == "done\ndone\n"
    assert done.seconds > 1.2
    assert 0.6 < done.cpu_seconds < 0.8 + done.seconds
    assert {"work", "work 2"} <= done.peak_mib.keys()
    assert all(done.peak_mib[name] > 76 for name in ("work", "work 2"))


def test_the_cpu_time_of_a_process_at_work_can_be_read() -> None:
    before = Tree(os.getpid()).cpu_seconds()
    deadline = time.process_time() + 0.1
    while time.process_time() < deadline:
        pass
    after = Tree(os.getpid()).cpu_seconds()
    assert before is not None
    assert after is not None
    assert after > before


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            [sys.executable, "-c", "raise SystemExit('no such thing')"],
            "work: expected it to succeed, found exit code 1: no",
        ),
        (["/nowhere/program"], "work: expected a program that starts, found:"),
    ],
)
def test_a_program_that_fails_takes_one_line(tmp_path: Path, command: list[str], said: str) -> None:
    with pytest.raises(BenchError) as raised:
        measure("work", command, tmp_path, os.environ)
    assert str(raised.value).startswith(said)
    assert "\n" not in str(raised.value)


def test_nothing_that_was_started_is_left_behind(tmp_path: Path) -> None:
    with started([sys.executable, "-c", ENDLESS], tmp_path, os.environ) as process:
        while not (child := printed(tmp_path)[0].strip()):
            time.sleep(0.02)
        assert process.poll() is None
    assert process.returncode is not None
    deadline = time.monotonic() + 30  # a signal that was sent may wait for a busy processor
    while (state := _state_of(child)) and not state.startswith("Z"):
        assert time.monotonic() < deadline, state
        time.sleep(0.02)


def _state_of(process: str) -> str:
    answer = subprocess.run(["ps", "-o", "stat=", "-p", process], capture_output=True, text=True, check=False)
    return answer.stdout.strip()
