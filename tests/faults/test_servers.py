"""The plan of faults on the chain of the appliance: MongoDB's protocol, a REST catalog with S3, servers that restart.

FAULTS_ROUNDS=100 FAULTS_SEED=500 ./analytics test tests/faults/test_servers.py -n 0 -s
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.faults.fork_server import ForkServer
from tests.faults.history_slices import whole_history
from tests.faults.plan import SERVERS, journey
from tests.faults.rig import Rig
from tests.faults.rounds import Player, play_all
from tests.faults.servers import Servers
from tests.faults.small_volume import SmallVolume

pytestmark = pytest.mark.integration
ROUNDS = int(os.environ.get("FAULTS_ROUNDS", "4"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("servers")
    with ExitStack() as stack:
        volume = stack.enter_context(closing(SmallVolume(folder / "volume")))
        server = stack.enter_context(closing(ForkServer()))
        servers = stack.enter_context(closing(Servers(folder)))
        rig = Rig(whole_history(folder / "whole"), volume, server, servers=servers)
        rig.undisturbed = Player(rig, journey(0, SERVERS), "undisturbed").record()
        yield rig


def test_a_run_after_any_fault_of_a_server_gives_every_table_as_undisturbed(rig: Rig) -> None:
    played = play_all(rig, SERVERS, SEED, ROUNDS)
    print(f"\n{played}")
    assert not played.failures, played.explained()
