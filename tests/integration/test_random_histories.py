"""The marts and the second count agree on histories that nobody thought of.

    RANDOM_HISTORIES=2000 RANDOM_SEED=7 ./analytics test tests/integration/test_random_histories.py

A difference names its session, and the session's name its seed: `History(seed)` writes the history again.
"""

import json
import os
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.integration.random_history import History
from tests.integration.warehouse import COMPARED, Warehouse, answer, in_file
from verify.compare import verify

COUNT = int(os.environ.get("RANDOM_HISTORIES", "300"))
SEED = int(os.environ.get("RANDOM_SEED", "1")) * 1_000_000
LATE = 10
"""Every tenth line comes with the second load."""


def written(projects: Path, *, odd: bool = False) -> list[tuple[str, bytes, int]]:
    """Write the histories; return their lines with their places."""
    places: Counter[str] = Counter()
    lines = []
    for name, raw in (line for seed in range(SEED, SEED + COUNT) for line in History(seed, odd=odd).files()):
        (projects / name).parent.mkdir(parents=True, exist_ok=True)
        with (projects / name).open("ab") as file:
            file.write(raw + b"\n")
        lines.append((name, raw, places[name]))
        places[name] += len(raw) + 1
    return lines


def test_the_marts_agree_with_the_second_count_on_random_histories(tmp_path: Path) -> None:
    """Each history has its own ids, so two builds decide them all: the second corrects what the late lines change."""
    warehouse, projects = Warehouse(tmp_path / "data"), tmp_path / "projects"
    lines = written(projects)
    with closing(warehouse.dbt):
        for late in (False, True):
            warehouse.load([line for number, line in enumerate(lines) if (number % LATE == 0) == late])
            warehouse.build("resource_type:seed", *COMPARED, command="build", tests=False)
        warehouse.mark_collected(projects)
    report = verify(warehouse.volume.work_database, [projects], "Europe/Berlin")
    assert report.differences == ()
    assert report.responses > COUNT


def test_no_test_of_dbt_fails_because_of_what_a_transcript_holds(tmp_path: Path) -> None:
    """Every model and every test of severity error, over lines of which each third is damaged; both counts agree."""
    warehouse, projects = Warehouse(tmp_path / "data"), tmp_path / "projects"
    lines = written(projects, odd=True)
    with closing(warehouse.dbt):
        warehouse.load(lines)
        warehouse.mark_collected(projects)
        warehouse.build("*", command="build")
    assert verify(warehouse.volume.work_database, [projects], "Europe/Berlin").differences == ()


def test_lines_of_any_shape_crash_nothing_and_agree(tmp_path: Path) -> None:
    """What no Claude Code wrote so far: types, ids and contents that are lists, objects and numbers."""
    odd: list[Any] = [{"a": 1}, ["x"], 5, None, True, "", "text"]
    keys = ("type", "sessionId", "timestamp", "message", "forkedFrom", "cwd")
    changes = [{key: value} for key in keys for value in odd]
    lines = [answer("m", session="odd", minute=minute) | change for minute, change in enumerate(changes)]
    warehouse = Warehouse(tmp_path / "data")
    projects = tmp_path / "projects"
    (projects / "p").mkdir(parents=True)
    (projects / "p/odd.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    with closing(warehouse.dbt):
        warehouse.load(in_file("p/odd.jsonl", *lines))
        warehouse.mark_collected(projects)
        warehouse.build("resource_type:seed", *COMPARED, command="build")
    assert verify(warehouse.volume.work_database, [projects], "Europe/Berlin").differences == ()
