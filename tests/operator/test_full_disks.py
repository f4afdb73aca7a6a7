"""A full disk under a store that is not ours: one line on the page names its volume, and nothing is lost.

Each of the three volumes is a small disk in memory. The fourth, `duckdb`, is in test_operator.py.
"""

from collections.abc import Iterator

import pytest

from cli.appliance.smoke import add_sample
from tests.engine import engine as engine  # noqa: PLC0414 - a fixture
from tests.operator.appliance import Appliance, operated, until
from tests.operator.metabase_content import content
from tests.operator.test_operator import WELL, on_request
from tests.smoke.__main__ import counted
from tests.smoke.readers import FIGURES

pytestmark = on_request
SMALL_DISKS = """
volumes:
  mongo:
    driver_opts: { type: tmpfs, device: tmpfs, o: "size=400m,uid=999,gid=999,mode=0755" }
  iceberg:
    driver_opts: { type: tmpfs, device: tmpfs, o: "size=400m,uid=10001,gid=10001,mode=0755" }
  metabase-db:
    driver_opts: { type: tmpfs, device: tmpfs, o: "size=400m,uid=999,gid=999,mode=0700" }
"""


@pytest.fixture(scope="module")
def appliance(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """One with small disks that has published its first figures."""
    folder = tmp_path_factory.mktemp("full-disks")
    folder.chmod(0o755)
    with operated(folder) as appliance:
        (appliance.compose.root / "compose.override.yaml").write_text(SMALL_DISKS)
        appliance.up()
        appliance.wait_until_it_says(WELL)
        yield appliance


def in_metabase(appliance: Appliance) -> list[int]:
    """The figures as somebody at a dashboard reads them."""
    client = appliance.metabase()
    [database] = client.get("/api/database")["data"]
    [row] = client.rows(database["id"], FIGURES)
    return [int(figure) for figure in row]


def has_everything(appliance: Appliance) -> bool:
    """Whether a run publishes what a second count finds in the files, and Metabase shows it."""
    appliance.run()
    return in_metabase(appliance) == list(counted(appliance.transcripts).values())


@pytest.mark.parametrize(("volume", "seed"), [("mongo", 20), ("iceberg", 21), ("metabase-db", 22)])
def test_a_full_disk_is_named_with_its_volume_and_costs_nothing_once_there_is_room(
    appliance: Appliance, volume: str, seed: int
) -> None:
    until(lambda: has_everything(appliance), "everything to be published before the disk is full")
    before, cards = appliance.figures(), content(appliance.metabase())
    with appliance.full(volume):
        add_sample(appliance.transcripts, seed=seed, days=2)
        appliance.wait_until_it_says(f"The disk of the volume {volume} is full (0 MiB of 400 MiB free): ")
        appliance.run()  # which fails at another place for each store, and for some not at all
        assert appliance.figures()["lines"] >= before["lines"], "what was published can be read"
    until(lambda: not appliance.says("is full"), "the page to see that there is room")
    until(lambda: has_everything(appliance), "everything to be published once there is room")
    appliance.wait_until_it_says(WELL)
    assert content(appliance.metabase()) == cards
    assert appliance.figures()["lines"] > before["lines"]
