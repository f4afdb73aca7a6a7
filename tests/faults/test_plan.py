"""A plan of faults on the standalone chain: after each round one ordinary run gives every table as undisturbed.

    FAULTS_ROUNDS=1000 FAULTS_SEED=500 ./analytics test tests/faults/test_plan.py -n 0 -s

A failure names its seed: FAULTS_SEED=N FAULTS_ROUNDS=4 repeats that journey alone.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.faults.fork_server import ForkServer
from tests.faults.history_slices import whole_history
from tests.faults.plan import BETWEEN, DURING, journey
from tests.faults.rig import OtherTime, Rig, usable_clock
from tests.faults.rounds import Player, play_all
from tests.faults.small_volume import SmallVolume

ALL_KINDS = (20, 586)
"""Few rounds, and a seed whose journeys have each kind of fault twice in them."""
ROUNDS = int(os.environ.get("FAULTS_ROUNDS", ALL_KINDS[0]))
SEED = int(os.environ.get("FAULTS_SEED", ALL_KINDS[1]))


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("faults")
    library = usable_clock()
    with ExitStack() as stack:
        volume = stack.enter_context(closing(SmallVolume(folder / "volume")))
        server = stack.enter_context(closing(ForkServer()))
        elsewhen = stack.enter_context(closing(OtherTime(library, folder / "clock"))) if library else None
        rig = Rig(whole_history(folder / "whole"), volume, server, elsewhen)
        rig.undisturbed = Player(rig, journey(0, BETWEEN), "undisturbed").record()
        yield rig


def test_a_run_after_any_fault_gives_every_table_as_undisturbed(rig: Rig) -> None:
    kinds = tuple(kind for kind in DURING + BETWEEN if rig.elsewhen or kind != "clock_jump")
    played = play_all(rig, kinds, SEED, ROUNDS)
    print(f"\n{played}")
    assert not played.failures, played.explained()
    assert set(played.faults) == set(kinds) or (ROUNDS < 36 and (ROUNDS, SEED) != ALL_KINDS)
