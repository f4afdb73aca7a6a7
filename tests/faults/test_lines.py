"""Tens of thousands of damaged lines, from the collector's reader to the rows of schema raw.

    ./analytics test tests/faults/test_lines.py                          # FAULTS_MUTATIONS=20000 is the default
    FAULTS_MUTATIONS=1000000 FAULTS_SEED=2 ./analytics test tests/faults/test_lines.py

A failure names the seed and the smallest part of the file that still fails. Add that to `known_inputs.py`.
"""

import os
from collections.abc import Callable
from random import Random

import pytest

from tests.faults.known_inputs import KNOWN_INPUTS
from tests.faults.line_checks import LineChecks
from tests.faults.mutations import Mutator
from tests.faults.seeds import valid_lines
from tests.faults.smallest import smallest

MUTATIONS = int(os.environ.get("FAULTS_MUTATIONS", "20000"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))
LINES_AT_ONCE = 200
PARTS = 4
"""Tests that share the mutations: pytest-xdist gives each worker some."""


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> LineChecks:
    return LineChecks.beside(valid_lines(tmp_path_factory.mktemp("valid") / "sample", seed=2, days=1)[-60:])


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return valid_lines(tmp_path_factory.mktemp("odd") / "sample", seed=1)


def fails(check: Callable[[bytes], None], content: bytes) -> BaseException | None:
    """Return what a check raises for this content."""
    try:
        check(content)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return error
    return None


@pytest.mark.parametrize("part", range(PARTS))
def test_any_line_is_kept_and_becomes_rows_or_a_reason(part: int, checks: LineChecks, lines: list[bytes]) -> None:
    for number in range(part, max(PARTS, MUTATIONS // LINES_AT_ONCE), PARTS):
        content = Mutator(Random(f"{SEED}-{number}"), lines).content(LINES_AT_ONCE)
        if fails(checks.check, content):
            found = smallest(content, lambda some: fails(checks.check, some) is not None)
            pytest.fail(f"FAULTS_SEED={SEED}, file {number}: {fails(checks.check, found)!r}\n{found[:2_000]!r}")


@pytest.mark.parametrize("name", KNOWN_INPUTS)
def test_what_once_failed_holds(name: str, checks: LineChecks) -> None:
    checks.check(KNOWN_INPUTS[name]())
