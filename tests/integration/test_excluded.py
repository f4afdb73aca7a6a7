"""PROJECTS_EXCLUDED: neither the transcripts nor the prompts of these projects are read, and both are counted."""

import json
from contextlib import closing
from pathlib import Path

import pytest

import collector
from cli.doctor import diagnose
from common.excluded import is_excluded, is_excluded_path
from common.settings import load_settings
from records import open_store
from records.store import EARLIEST
from scheduler.web.status import Standing
from tests.integration.collecting import LINE, write


@pytest.mark.parametrize(
    "pattern", ["-home-me-private", "/home/me/private", "-home-me-pr*", "/home/me/pr?vate", "*private"]
)
def test_a_pattern_is_of_a_path_or_an_id(pattern: str) -> None:
    assert is_excluded("-home-me-private/s.jsonl", [pattern])
    assert is_excluded("~1a2b3c/-home-me-private/s/subagents/agent-1.jsonl", ["other", pattern])
    assert is_excluded_path("/home/me/private", [pattern])
    assert not is_excluded("-home-me-public/s.jsonl", [pattern])
    assert not is_excluded("-home-me-private/s.jsonl", [])


def test_nothing_of_an_excluded_project_is_stored(tmp_path: Path) -> None:
    projects = tmp_path / "projects"
    write(projects / "-home-me-private" / "a.jsonl", LINE % 1 + LINE % 2)
    write(projects / "-home-me-shop" / "b.jsonl", LINE % 3)
    prompts = [{"display": f"in {name}", "project": f"/home/me/{name}", "timestamp": 1} for name in ("private", "shop")]
    write(tmp_path / "history.jsonl", b"".join(json.dumps(prompt).encode() + b"\n" for prompt in prompts))
    settings = load_settings(
        data_dir=tmp_path / "data", transcripts_dir=projects, host_name="laptop", projects_excluded="/home/me/priv*, x"
    )
    assert settings.projects_excluded == ("/home/me/priv*", "x")
    for _ in range(2):
        with closing(open_store(settings)) as store:
            result = collector.collect(store, projects, "laptop", excluded=settings.projects_excluded)
            lines = list(store.read_after(EARLIEST))
            states = {state.source_file: state.lines for state in store.all_states()}
    assert (result.files, result.files_excluded) == (3, 1)
    assert sorted(line.place.project_id or "" for line in lines) == ["-home-me-shop", ".."]
    assert not any(b"private" in line.content for line in lines)
    assert states == {"-home-me-shop/b.jsonl": 1, "../history.jsonl": 1}
    (found,) = (finding.found for finding in diagnose(settings) if finding.name == "Transcripts")
    assert "PROJECTS_EXCLUDED excludes 1 of them" in found
    assert {file.source_file for file in Standing(settings).at_risk()} == {"-home-me-shop/b.jsonl", "../history.jsonl"}
    with closing(open_store(settings)) as store:
        assert collector.collect(store, projects, "laptop").documents == 2, "read again once nothing is excluded"
