"""TEAM_AGGREGATES_ONLY: what five people used together is published, and nothing that one of them did."""

import json
from pathlib import Path

import duckdb
import pytest

import collector
from cli.quick.start import run as quick
from common.settings import Settings, load_settings
from records import open_store
from scheduler.runner import Runner
from standalone.engine import open_engine

PEOPLE = ("anna", "ben", "cleo", "dan", "eve")
MONDAY = "2026-01-05"


def write(projects: Path, person: str, model: str, prompt: str) -> None:
    """Write the session of one person in a week that has ended."""
    file = projects / person / "-srv-lantern" / f"session-of-{person}.jsonl"
    file.parent.mkdir(parents=True)
    common = {"sessionId": file.stem, "cwd": "/srv/lantern", "timestamp": f"{MONDAY}T12:00:00Z"}
    message = {"id": f"msg-{person}", "model": model, "content": [], "stop_reason": "end_turn"}
    usage = {"input_tokens": 100, "output_tokens": 10}
    lines = (
        {"type": "user", "uuid": f"u-{person}", "message": {"role": "user", "content": prompt}},
        {"type": "assistant", "uuid": f"a-{person}", "message": message | {"usage": usage}},
    )
    file.write_text("".join(json.dumps(common | line) + "\n" for line in lines))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Five machines' sessions in one record store, published first with everything and then as the team's alone."""
    folder = tmp_path_factory.mktemp("team")
    named = {"data_dir": folder / "data", "timezone": "UTC", "transcripts_dir": (folder / "projects/anna",)}
    everything = load_settings(**named, host_name="anna")
    for person in PEOPLE:
        model = "claude-haiku-4-5" if person == "anna" else "claude-opus-4-6"
        write(folder / "projects", person, model, f"The secret plan of {person}")
        store = open_store(everything, "test")
        collector.collect(store, folder / "projects" / person, person)
        store.close()
    team = load_settings(**named, host_name="anna", team_aggregates_only="on")
    for chosen in (everything, team):
        with open_engine(chosen) as engine:
            assert Runner(engine.parts(), chosen).pipeline("command").status == "succeeded"
    return team


def test_rows_of_five_people_are_published_and_no_others(settings: Settings) -> None:
    with duckdb.connect(str(settings.data_dir / "duckdb/analytics.db"), read_only=True) as connection:
        rows = connection.execute(
            "select breakdown, name, person_count, response_count, input_tokens from marts.agg_team_usage order by all"
        ).fetchall()
        assert rows == [("all", "all", 5, 5, 500), ("model", None, 5, 5, 500), ("project", "lantern", 5, 5, 500)]
        tables = connection.execute(
            "select schema_name || '.' || table_name, estimated_size from duckdb_tables()"
            " where schema_name != 'seeds' and table_name != 'agg_team_usage'"
        ).fetchall()
        assert len(tables) > 40
        assert {name: size for name, size in tables if size} == {}
        assert connection.execute("select count(*) from staging.stg_conversations").fetchone() == (0,)


def test_no_file_that_is_shown_tells_of_one_person(settings: Settings) -> None:
    volume = settings.data_dir / "duckdb"
    assert len(list((volume / "generations").iterdir())) == 1, "the one before it had everything"
    shown = [*(volume / "current/").rglob("*"), settings.data_dir / "report.html"]
    shown += (settings.data_dir / "report_sessions").rglob("*")
    told = b"".join(file.read_bytes() for file in shown if file.is_file())
    assert b"Team figures only" in told
    for person in PEOPLE:
        for text in (f"The secret plan of {person}", f"session-of-{person}", f"msg-{person}"):
            assert text.encode() not in told, text


def test_the_terminal_says_what_is_published(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    for command, *arguments in (("daily",), ("search", "plan")):
        quick(command, [*arguments, "--data", str(settings.data_dir)])
        assert "TEAM_AGGREGATES_ONLY" in "".join(capsys.readouterr()), command
