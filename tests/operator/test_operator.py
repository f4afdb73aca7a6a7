"""An operator's mistakes and accidents on the real compose file: each is one line that says what to do."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.appliance.compose import ApplianceError
from cli.appliance.preflight import preflight
from cli.appliance.smoke import UID, add_sample
from tests.engine import engine as engine  # noqa: PLC0414 - a fixture
from tests.operator.appliance import Appliance, operated
from tests.operator.metabase_content import content, edit_a_card, edited_copies

TRIALS = "CLAUDE_ANALYTICS_OPERATOR_TRIALS"
on_request = pytest.mark.skipif(not os.environ.get(TRIALS), reason=f"takes a quarter of an hour: set {TRIALS}=1")
pytestmark = on_request
WELL, PUBLISHED = "Figures are up to date", "published generation"
SMALL_DISK = """
volumes:
  duckdb:
    driver_opts: { type: tmpfs, device: tmpfs, o: "size=250m,uid=10001,gid=10001,mode=0755" }
"""
_FILL = """
import os
free = os.statvfs("/duckdb").f_bavail * os.statvfs("/duckdb").f_frsize
with open("/duckdb/filler", "wb") as file:
    for _ in range(free // 2**20 - 60):
        file.write(bytes(2**20))
"""


@pytest.fixture(scope="module")
def appliance(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """One that began with a wrong schedule, was mended, and has published its first figures since, all by itself."""
    folder = tmp_path_factory.mktemp("operator")
    folder.chmod(0o755)
    with operated(folder) as appliance:
        (appliance.compose.root / "compose.override.yaml").write_text(SMALL_DISK)
        appliance.choose(SCHEDULE="every day", METABSE_PORT="3001")
        appliance.compose.output("up", "--detach")
        appliance.wait_until_it_says("The appliance has not started")
        assert appliance.says("SCHEDULE: expected five cron fields such as '0 * * * *'")
        assert appliance.says("METABSE_PORT, which is not a setting (did you mean METABASE_PORT?)")
        appliance.choose()
        appliance.up()
        appliance.wait_until_it_says(WELL)
        yield appliance


def refused(appliance: Appliance) -> dict[str, str]:
    """What `./analytics up` would say and stop at: by name, found and what to do."""
    findings = preflight(appliance.compose)
    return {finding.name: f"{finding.found}: {finding.fix}" for finding in findings if finding.status == "fail"}


def shown(appliance: Appliance) -> tuple[dict[str, int], dict[str, Any]]:
    """What is published, counted by us and by `analytics status`; a sum of costs depends on its order by a hair."""
    summary = appliance.status()["summary"]
    return appliance.figures(), summary | {"cost_usd": round(summary["cost_usd"], 6)}


def test_the_wrong_user_is_said_with_the_right_one_and_mended_by_it(appliance: Appliance) -> None:
    appliance.choose(TRANSCRIPTS_UID="1234")
    assert refused(appliance)["Transcripts"].endswith(f"set TRANSCRIPTS_UID={UID} in .env")
    with pytest.raises(ApplianceError, match=r"collector.* is unhealthy"):
        appliance.up()
    appliance.wait_until_it_says(f"this runs as user 1234; set TRANSCRIPTS_UID={UID} in .env, then run `docker compose")
    appliance.choose()
    appliance.up()
    appliance.wait_until_it_says(WELL)


def test_a_folder_that_is_not_there_is_named_and_nothing_is_made_in_its_place(
    appliance: Appliance, tmp_path: Path
) -> None:
    missing = tmp_path / "projects"
    appliance.choose(TRANSCRIPTS_DIR=str(missing))
    assert refused(appliance)["Transcripts"] == f"no folder {missing}: set TRANSCRIPTS_DIR in .env"
    with pytest.raises(ApplianceError, match=f"bind source path does not exist: {missing}"):
        appliance.up()
    assert not missing.exists()
    assert appliance.says(WELL), "the page is still there"
    appliance.choose()
    appliance.up()


def test_a_misspelt_setting_is_on_the_page_before_anything_is_stopped_or_started(appliance: Appliance) -> None:
    appliance.choose(TRANSCRIPT_DIR="/home/me")
    assert "did you mean TRANSCRIPTS_DIR?" in refused(appliance)[".env"]
    appliance.wait_until_it_says(".env: TRANSCRIPT_DIR, which is not a setting (did you mean TRANSCRIPTS_DIR?)")
    assert appliance.status()["problems"][0].startswith(".env: TRANSCRIPT_DIR")
    appliance.choose(DATA_DIR="/srv")
    appliance.wait_until_it_says(".env: DATA_DIR, which only the standalone mode reads (remove it from .env)")
    assert refused(appliance) == {}
    appliance.choose()
    appliance.wait_until_it_says(WELL)


def test_a_host_that_only_receives_says_so_and_is_quiet(
    appliance: Appliance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a home folder mounted, as where no TRANSCRIPTS_DIR is set: nobody has to make an empty folder."""
    tmp_path.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    appliance.choose(TRANSCRIPTS_DIR="")
    appliance.up()
    appliance.wait_until_it_says("or COLLECTOR=off if this host has no transcripts")
    appliance.choose(TRANSCRIPTS_DIR="", COLLECTOR="off")
    appliance.up()
    appliance.wait_until_it_says("collects no transcripts")
    appliance.wait_until_it_says(WELL)
    appliance.choose()
    appliance.up()


def test_a_full_disk_keeps_the_last_figures_and_is_over_when_there_is_room(appliance: Appliance) -> None:
    before, since = appliance.figures(), appliance.last_run()
    appliance.inside("python", "-c", _FILL)
    add_sample(appliance.transcripts, seed=8, days=3)
    message = appliance.run_until_one_says("MiB free, publishing needs", since)
    assert message.endswith("free some space or lower KEEP_GENERATIONS")
    assert appliance.figures() == before
    with pytest.raises(ApplianceError):
        appliance.inside("analytics", "doctor")
    since = appliance.last_run()
    appliance.inside("rm", "/duckdb/filler")
    appliance.run_until_one_says(PUBLISHED, since)
    assert appliance.figures()["lines"] > before["lines"]


def test_down_and_up_and_a_machine_that_gets_its_name_later_lose_and_double_nothing(appliance: Appliance) -> None:
    """The small disk is in memory, so that `down` empties it as well: the next run makes the databases again."""
    before = shown(appliance)
    appliance.down()
    appliance.up()
    appliance.run()
    assert shown(appliance) == before
    since = appliance.last_run()
    appliance.choose(HOST_NAME="renamed")
    appliance.up()
    appliance.run_until_one_says(PUBLISHED, since)  # the renamed machine's transcripts, and not one new line in them
    assert shown(appliance) == before


def test_dashboards_outlive_down_and_up_and_a_card_that_somebody_edited_is_kept_aside(appliance: Appliance) -> None:
    before = content(appliance.metabase())
    edit_a_card(appliance.metabase(), "As I like it")
    since = appliance.last_run()
    appliance.down()
    appliance.up()
    appliance.run_until_one_says(PUBLISHED, since)
    assert content(appliance.metabase()) == before
    assert edited_copies(appliance.metabase())["card"] == ["As I like it"]
    assert "'As I like it' was edited in Metabase" in appliance.logs("scheduler")
