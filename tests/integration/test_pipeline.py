"""The whole chain by its command line: once, again, killed anywhere, and read all the while."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from sample.transcripts import write_sample
from tests.dbt_forks import Forks
from tests.faults.damage import damage
from tests.faults.plan import Fault
from tests.integration.published_rows import differences

SEED = int(os.environ.get("FAULTS_SEED", "1"))
ROUNDS = int(os.environ.get("FAULTS_WHOLE", "1"))
ROOT = Path(__file__).resolve().parent.parent.parent
Command = Callable[..., list[str]]
Run = Callable[..., dict[str, Any]]


def _command(data: Path, transcripts: Path, *options: str) -> list[str]:
    places = ["--data", str(data), "--transcripts", str(transcripts)]
    return [sys.executable, "-m", "cli", "run", *places, *options]


def _environment() -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "TIMEZONE": "Europe/Berlin",
        "HOST_NAME": "test",
        "PYTHONUNBUFFERED": "1",
    }


def _rows_out(answer: dict[str, Any]) -> dict[str, int | None]:
    return {step["name"]: step["rows_out"] for step in answer["steps"]}


def _published(data: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(data / "duckdb" / "analytics.db"), read_only=True)


def _differences(left: Path, right: Path) -> dict[str, int]:
    return differences(*(data / "duckdb" / "analytics.db" for data in (left, right)))


@pytest.fixture(scope="module")
def command(dbt_forks: Forks) -> Command:
    """Returns the command of a run whose dbt is a fork."""
    return lambda *arguments: [*dbt_forks.cli(), *_command(*arguments)[3:]]


@pytest.fixture(scope="module")
def run(command: Command) -> Run:
    """Runs the chain to its end, with a fork for dbt."""

    def run(data: Path, transcripts: Path, *options: str) -> dict[str, Any]:
        words = command(data, transcripts, "--json", *options)
        done = subprocess.run(words, env=_environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return run


@pytest.fixture(scope="module")
def transcripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sample."""
    folder = tmp_path_factory.mktemp("sample") / "projects"
    write_sample(folder, seed=3, days=9, until=date(2026, 4, 3))
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, transcripts: Path, run: Run) -> Path:
    """The data directory of one run from nothing."""
    data = tmp_path_factory.mktemp("undisturbed")
    answer = run(data, transcripts)
    assert answer["status"] == "succeeded"
    assert answer["summary"]["sessions"] > 0
    return data


@pytest.fixture
def copy(undisturbed: Path, tmp_path: Path) -> Path:
    """A data directory like the undisturbed one, to change."""
    shutil.copytree(undisturbed, target := tmp_path / "data", symlinks=True)
    return target


def test_a_second_run_adds_nothing_and_says_so(undisturbed: Path, transcripts: Path, run: Run) -> None:
    """No row in any table, no new generation."""
    answer = run(undisturbed, transcripts)
    assert answer["status"] == "unchanged"
    assert answer["generation"]["number"] == 1
    assert [_rows_out(answer)[name] for name in ("collect", "extract", "load")] == [0, 0, 0]


def test_lines_appended_later_are_added_and_nothing_else(
    copy: Path, undisturbed: Path, transcripts: Path, tmp_path: Path, run: Run
) -> None:
    """A hundred lines more are a hundred documents more, also after a month; the marts of before come back."""
    shutil.copytree(transcripts, grown := tmp_path / "projects")
    before_them = datetime.now(UTC).isoformat()
    transcript = max(grown.glob("*/*.jsonl"), key=lambda path: path.stat().st_size)
    line = {"type": "user", "sessionId": transcript.stem, "timestamp": "2026-03-01T10:00:00Z", "cwd": "/late"}
    with transcript.open("a") as file:
        for number in range(100):
            said = {"role": "user", "content": f"late line {number}"}
            file.write(json.dumps({**line, "uuid": f"late-{number}", "message": said}) + "\n")
    with _published(copy) as connection:
        before = connection.execute("select count(*) from marts.fct_messages").fetchone()
    answer = run(copy, grown)
    assert [_rows_out(answer)[name] for name in ("collect", "extract", "load")] == [100, 100, 100]
    with _published(copy) as connection:
        after = connection.execute("select count(*) from marts.fct_messages").fetchone()
        day = connection.execute(
            "select prompt_count from marts.agg_daily_summary where date_key = 20260301"
        ).fetchone()
    assert before is not None
    assert after == (before[0] + 100,)
    assert day == (100,)
    then = Path(run(copy, grown, "--as-of", before_them)["database"]).parents[2]
    assert _differences(undisturbed, then) == {}
    again = subprocess.run(_command(then, grown), env=_environment(), capture_output=True, text=True, check=False)
    assert (again.returncode, "which shows the figures as of" in again.stderr) == (2, True)


def test_a_run_killed_at_ten_points_ends_with_the_same_tables(
    undisturbed: Path, transcripts: Path, tmp_path: Path, command: Command, run: Run
) -> None:
    """`kill -9` after each step and in the middle of each; then the same command again."""
    data = tmp_path / "data"
    points: list[tuple[str, float]] = [("", 0.2), ("", 1), ("collect", 0), ("collect", 0.4), ("extract", 0)]
    points += [("load", 0), ("load", 1.5), ("load", 3), ("transform", 0), ("publish", 0)]
    killed = [_kill(command(data, transcripts), step, seconds) for step, seconds in points]
    assert sum(killed) >= 8, "a fast machine is through with a step before the moment to kill it"
    run(data, transcripts)
    assert _differences(data, undisturbed) == {}


def _kill(command: list[str], step: str, seconds: float) -> bool:
    """End a run by SIGKILL some seconds after it said that a step is done; False where it had ended by itself."""
    process = subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    while step and (line := process.stdout.readline()):
        if f" {step} " in f"{line} ":
            break
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.stdout.close()
    return process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS))
def test_a_run_after_faults_gives_the_same_tables(
    copy: Path, undisturbed: Path, transcripts: Path, seed: int, command: Command, run: Run
) -> None:
    """What the plan of faults does with copies of `raw`, here with dbt; FAULTS_WHOLE=20 makes more rounds."""
    random = Random(seed)
    kinds = ["truncated_parquet", "corrupt_database", *random.sample(("half_made_generation", "lost_current"), 1)]
    for kind in kinds:
        damage(copy, Fault(kind, random.random(), random.randrange(1 << 16)))
    _kill(command(copy, transcripts), random.choice(("collect", "extract", "load")), random.random() * 4)
    run(copy, transcripts)
    assert _differences(copy, undisturbed) == {}, kinds


def test_a_full_refresh_gives_the_same_tables_and_no_reader_sees_an_error(
    copy: Path, undisturbed: Path, transcripts: Path, run: Run
) -> None:
    """Every store rebuilt from the one above it, and the file no larger for having been built twice.

    One connection is held open all the while, and new ones come all the time, during the build and the publication.
    """
    stop, errors, reads = threading.Event(), [], []

    def read(connect: Callable[[], duckdb.DuckDBPyConnection], held: duckdb.DuckDBPyConnection | None) -> None:
        while not stop.wait(0.1):
            try:
                connection = held.cursor() if held else connect()
                with connection:
                    reads.append(connection.execute("select count(*) from marts.fct_tool_calls").fetchone())
            except duckdb.Error as error:
                errors.append(error)

    with _published(copy) as held:
        threads = [
            threading.Thread(target=read, args=(lambda: _published(copy), generation)) for generation in (held, None)
        ]
        for thread in threads:
            thread.start()
        answer = run(copy, transcripts, "--full-refresh")
        stop.set()
        for thread in threads:
            thread.join()
    assert (answer["status"], answer["generation"]["number"]) == ("succeeded", 2)
    assert errors == []
    assert len(reads) > 20
    assert len(set(reads)) == 1
    assert _differences(copy, undisturbed) == {}
    sizes = [(data / "duckdb" / "current" / "analytics.db").stat().st_size for data in (copy, undisturbed)]
    assert sizes[0] < 1.2 * sizes[1]


def test_a_second_run_at_once_is_refused_with_exit_code_75(tmp_path: Path, transcripts: Path) -> None:
    """It names who holds the lock."""
    first = subprocess.Popen(
        _command(tmp_path, transcripts), env=_environment(), stdout=subprocess.DEVNULL, start_new_session=True
    )
    lock = tmp_path / "duckdb" / "pipeline.lock"
    deadline = time.monotonic() + 120
    while not (lock.exists() and lock.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    command = _command(tmp_path, transcripts)
    second = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    first.send_signal(signal.SIGTERM)
    first.wait(120)
    assert second.returncode == 75
    assert str(first.pid) in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


def test_missing_transcripts_are_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    """No traceback, exit code 2, and the folder is named."""
    command = _command(tmp_path / "data", tmp_path / "nowhere")
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nowhere" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
