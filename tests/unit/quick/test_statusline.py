"""The status line: one short line whatever it is given, and the plan's limits kept as history."""

import json
import multiprocessing
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.quick.plan_limits import FULL_BYTES, plan_limits, record
from cli.quick.statusline import duration, line
from scheduler.plan_limits import older_part, read_plan_limits

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC).timestamp()
TOLD: dict[str, Any] = {
    "session_id": "s",
    "model": {"id": "claude-opus-4-8", "display_name": "Opus 4.8"},
    "cost": {"total_cost_usd": 1.234},
    "context_window": {"used_percentage": 26.4},
    "rate_limits": {
        "five_hour": {"used_percentage": 23.5, "resets_at": NOW + 3600},
        "seven_day": {"used_percentage": 41, "resets_at": NOW - 60},
    },
}
PUBLISHED: dict[str, Any] = {
    "generation": 3,
    "published_at": NOW - 40 * 60,
    "timezone": "Europe/Berlin",
    "days": {"2026-06-01": {"tokens": 4_100_000, "cost_usd": 12.3}, "2026-05-31": {"tokens": 1, "cost_usd": None}},
    "block": {
        "started_at": NOW - 7200,
        "ends_at": NOW + 3 * 3600,
        "first_at": NOW - 7200,
        "last_at": NOW - 3600,
        "tokens": 2_000_000,
        "cost_usd": 2.5,
    },
}


def said(told: Any = TOLD, published: dict[str, Any] | None = PUBLISHED, now: float = NOW) -> list[str]:
    limits = plan_limits(told.get("rate_limits"))
    return line(told, published, limits, now).split(" | ")


def test_it_says_session_today_block_context_and_limits() -> None:
    assert said() == [
        "Opus 4.8",
        "session $1.23",
        "today $12.30, 4.1 M tokens (40 min ago)",
        "block $2.50 at $2.50/h, 3 h 00 min left",
        "context 26.4 %",
        "5h 23.5 %, resets in 1 h 00 min",
        "7d 41 %",
    ]


def test_today_is_the_day_of_the_published_timezone() -> None:
    after_midnight_in_berlin = datetime(2026, 6, 1, 22, 30, tzinfo=UTC).timestamp()
    assert "today not counted yet (last run 11 h 10 min ago)" in said(now=after_midnight_in_berlin)
    published = PUBLISHED | {"published_at": after_midnight_in_berlin - 60}
    assert "today $0.00, 0 tokens (1 min ago)" in said(published=published, now=after_midnight_in_berlin)


def test_a_cost_that_is_not_known_is_no_zero() -> None:
    days = {"2026-06-01": {"tokens": 1000, "cost_usd": None}}
    block = PUBLISHED["block"] | {"cost_usd": None}
    shown = said(published=PUBLISHED | {"days": days, "block": block})
    assert "today unknown, 1 K tokens (40 min ago)" in shown
    assert "block unknown, 3 h 00 min left" in shown


def test_a_block_that_ended_is_left_out() -> None:
    assert not any(part.startswith("block") for part in said(now=NOW + 3 * 3600))
    assert not any(part.startswith("block") for part in said(published=PUBLISHED | {"block": None}))


def test_what_claude_code_does_not_say_is_left_out() -> None:
    empty = {"used_percentage": None}
    told: dict[str, Any] = {"model": {"display_name": 5}, "cost": None, "context_window": empty, "rate_limits": []}
    assert said(told, None) == ["no figures yet: ./analytics run"]


def test_a_name_cannot_move_the_cursor() -> None:
    assert said(TOLD | {"model": {"display_name": "\x1b[2JOpus\r\n"}})[0] == "Opus"


@pytest.mark.parametrize(("seconds", "words"), [(-5, "0 min"), (59, "0 min"), (3599, "59 min"), (3660, "1 h 01 min")])
def test_a_time_is_said_to_the_minute(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    "told",
    [None, 5, [], {"five_hour": None}, {"five_hour": {"used_percentage": True}}, {"a b": {"used_percentage": 1}}],
)
def test_limits_that_cannot_be_read_are_none(told: Any) -> None:
    assert plan_limits(told) == []


def limits(used: float, resets_at: float = NOW) -> list[dict[str, Any]]:
    return plan_limits({"five_hour": {"used_percentage": used, "resets_at": resets_at}})


def kept(file: Path) -> list[float]:
    return [used for _, _, used, _, _ in read_plan_limits(file)]


def test_a_reading_is_kept_once_however_often_it_is_told(tmp_path: Path) -> None:
    file = tmp_path / "limits.jsonl"
    for used in (10, 10, 12, 10, 12, 11):  # an idle session tells 10 again
        record(file, limits(used), NOW, "host")
    record(file, limits(10, NOW + 18_000), NOW, "host")
    assert kept(file) == [10, 12, 11, 10]
    assert next(read_plan_limits(file)) == (
        datetime.fromtimestamp(NOW, UTC),
        "five_hour",
        10,
        datetime.fromtimestamp(NOW, UTC),
        "host",
    )


def test_a_full_file_becomes_the_older_part(tmp_path: Path) -> None:
    file = tmp_path / "limits.jsonl"
    file.write_bytes(b"\n" * (FULL_BYTES + 1))
    record(file, limits(1), NOW, "host")
    assert kept(file) == [1]
    assert older_part(file).stat().st_size == FULL_BYTES + 1


def _tell(file: Path, worker: int) -> None:
    for number in range(200):
        record(file, limits(worker * 1000 + number), NOW, "h" * 100)


def test_many_status_lines_at_once_lose_and_damage_no_line(tmp_path: Path) -> None:
    file = tmp_path / "limits.jsonl"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_tell, args=(file, worker)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sorted(kept(file)) == [worker * 1000 + number for worker in range(4) for number in range(200)]
    assert len(file.read_bytes().splitlines()) == 800


def statusline(data: Path, stdin: bytes, cwd: Path) -> str:
    environment = {"PYTHONPATH": str(ROOT), "DATA_DIR": str(data), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-P", "-m", "cli", "statusline"]
    done = subprocess.run(command, input=stdin, capture_output=True, env=environment, cwd=cwd, check=True)
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 1
    return done.stdout.decode().strip()


@pytest.mark.parametrize(
    "stdin", [b"", b"{", b"null", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"cost": {"total_cost_usd": 1e999}}']
)
@pytest.mark.parametrize("published", [None, "{", "[]", '{"days": 5}', json.dumps(PUBLISHED)])
def test_it_never_fails(stdin: bytes, published: str | None, tmp_path: Path) -> None:
    (tmp_path / "duckdb").mkdir()
    if published is not None:
        (tmp_path / "duckdb" / "statusline.json").write_text(published)
    assert statusline(tmp_path, stdin, tmp_path)


def test_it_works_without_a_data_directory_and_makes_none(tmp_path: Path) -> None:
    shown = statusline(tmp_path / "none", json.dumps(TOLD).encode(), tmp_path)
    assert "no figures yet: ./analytics run" in shown
    assert not (tmp_path / "none").exists()


def test_the_project_it_works_in_says_nothing_of_our_settings(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"DUCKDB_PATH={tmp_path}/other/analytics.db\nHOST_NAME=other")
    (tmp_path / "duckdb").mkdir()
    (tmp_path / "duckdb" / "statusline.json").write_text(json.dumps(PUBLISHED))
    assert "today not counted yet" in statusline(tmp_path, json.dumps(TOLD).encode(), tmp_path)
    assert [host for *_, host in read_plan_limits(tmp_path / "plan_limits.jsonl")] == [os.uname().nodename] * 2


def test_an_input_that_never_ends_is_not_waited_for(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        environment = {"PYTHONPATH": str(ROOT), "DATA_DIR": str(tmp_path)}
        command = [sys.executable, "-P", "-m", "cli", "statusline"]
        done = subprocess.run(command, stdin=reading, capture_output=True, env=environment, timeout=30, check=True)
    finally:
        os.close(reading)
        os.close(writing)
    assert done.stdout == b"no figures yet: ./analytics run\n"
