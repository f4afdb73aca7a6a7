"""An upgrade from an earlier version over its own volumes, and the way back that docs/appliance.md describes.

Only where CLAUDE_ANALYTICS_UPGRADE_FROM names a tag or commit of this checkout: it builds that version's images.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli.appliance.compose import ROOT, Compose, docker
from cli.appliance.smoke import add_sample, our_images
from tests.engine import engine as engine  # noqa: PLC0414 - a fixture
from tests.operator.appliance import Appliance, operated
from tests.operator.metabase_content import content, edit_a_card, edited_copies
from tests.operator.test_operator import PUBLISHED

EARLIER = "CLAUDE_ANALYTICS_UPGRADE_FROM"
pytestmark = pytest.mark.skipif(
    not os.environ.get(EARLIER), reason=f"set {EARLIER} to a tag or commit of this checkout"
)
_VERSION = "before-the-upgrade"


@pytest.fixture
def appliance(engine: None, tmp_path: Path) -> Iterator[Appliance]:
    tmp_path.chmod(0o755)
    with operated(tmp_path) as appliance:
        yield appliance


@pytest.fixture
def earlier(appliance: Appliance, tmp_path: Path) -> Appliance:
    """The earlier version in the same project, with its own images but for Metabase's."""
    folder = tmp_path / "earlier"
    folder.mkdir()
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", os.environ[EARLIER]], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    found = Appliance(folder, appliance.transcripts, str(appliance.compose.project), RUNNER_PORT="0")  # its former name
    found.compose = replace(found.compose, choices={"VERSION": _VERSION})
    if metabase := docker("image", "ls", "--quiet", _image(appliance.compose)).split():
        docker("tag", metabase[0], _image(found.compose))
    found.compose.output("--profile", "test", "build", "--quiet", *our_images(found.compose))
    return found


def _image(compose: Compose) -> str:
    return str(compose.config()["services"]["metabase"]["image"])


def test_every_line_and_figure_is_there_after_the_upgrade_and_after_the_way_back(
    appliance: Appliance, earlier: Appliance
) -> None:
    """A figure that is meant to differ is in the changelog."""
    earlier.up()
    earlier.run()
    before = earlier.figures()
    assert before["lines"] > 0
    cards = content(earlier.metabase())
    edit_a_card(earlier.metabase(), "As I like it")
    shutil.rmtree(next(path for path in sorted(appliance.transcripts.iterdir())))  # as Claude Code does after a month
    appliance.up()
    appliance.run()
    assert appliance.figures() == before
    since = appliance.last_run()
    add_sample(appliance.transcripts, seed=8, days=3)
    appliance.run_until_one_says(PUBLISHED, since)
    after = appliance.figures()
    assert after["lines"] > before["lines"]
    assert content(appliance.metabase()).keys() == cards.keys()
    assert edited_copies(appliance.metabase())["card"] == ["As I like it"]
    assert "'As I like it' was edited in Metabase" in appliance.logs("scheduler")
    appliance.down()
    docker("volume", "rm", *(f"{appliance.compose.project}_{name}" for name in ("duckdb", "iceberg")))
    earlier.up()
    earlier.run()
    assert earlier.figures() == after
