"""What dbt parsed for one data directory is read for the next one."""

import os
from contextlib import closing
from pathlib import Path

from common.settings import load_settings
from scheduler.dbt_project import DbtProject
from scheduler.parse_cache import KEPT, ParseCache


def test_the_project_is_parsed_once_for_every_data_directory(tmp_path: Path) -> None:
    """The database lies elsewhere, so that dbt would parse everything again."""
    events: list[str] = []
    for name in ("one", "two"):
        events.clear()
        settings = load_settings(data_dir=tmp_path / name, timezone="Antarctica/Troll")
        with closing(DbtProject.of(settings)) as project:
            assert project.invoke(["parse"], on_event=lambda event: events.append(event["name"])).success
    assert "UnableToPartialParse" not in events


def test_other_variables_another_target_and_another_version_have_their_own(tmp_path: Path) -> None:
    parsed, given = tmp_path / "parsed", tmp_path / "given"
    parsed.write_text("made by dbt", encoding="utf-8")
    cache = tmp_path / "cache"
    ParseCache("v1", {"timezone": "UTC"}, "prod", cache).keep(parsed)
    for other in (
        ParseCache("v2", {"timezone": "UTC"}, "prod", cache),
        ParseCache("v1", {"timezone": "Asia/Tokyo"}, "prod", cache),
        ParseCache("v1", {"timezone": "UTC"}, "dev", cache),
    ):
        other.give(given)
        assert not given.exists()
    ParseCache("v1", {"timezone": "UTC"}, "prod", cache).give(given)
    assert given.read_text(encoding="utf-8") == "made by dbt"


def test_only_what_was_used_last_is_kept(tmp_path: Path) -> None:
    parsed, cache = tmp_path / "parsed", tmp_path / "cache"
    parsed.touch()
    for number in range(KEPT + 1):
        ParseCache(f"v{number}", {}, "prod", cache).keep(parsed)
        for path in cache.iterdir():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 1))
        ParseCache("v0", {}, "prod", cache).give(tmp_path / "given")
    names = {path.name for path in cache.iterdir()}
    assert len(names) == KEPT
    (tmp_path / "given").unlink()
    ParseCache("v0", {}, "prod", cache).give(tmp_path / "given")
    assert (tmp_path / "given").exists()


def test_where_nothing_can_be_written_nothing_is_shared(tmp_path: Path) -> None:
    """An environment that belongs to somebody else."""
    parsed, no_folder = tmp_path / "parsed", tmp_path / "file"
    parsed.touch()
    no_folder.touch()
    cache = ParseCache("v1", {}, "prod", no_folder)
    cache.keep(parsed)
    cache.give(tmp_path / "given")
    assert not (tmp_path / "given").exists()
