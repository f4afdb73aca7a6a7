"""What is at risk, through every room that has a part in it: collector, extract, load, status page."""

import json
from pathlib import Path

import duckdb
import pytest

from scheduler.web.status import Standing
from standalone.engine import open_engine
from tests.integration.scheduler.small import make_settings

pytestmark = pytest.mark.integration


def line(number: int) -> str:
    message = {"role": "user", "content": f"text {number}"}
    return json.dumps({"type": "user", "uuid": str(number), "sessionId": "s", "message": message}) + "\n"


def test_a_transcript_is_at_risk_until_its_last_line_is_published(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    whole, growing = (settings.transcripts_dir[0] / "-home-me" / name for name in ("whole.jsonl", "growing.jsonl"))
    whole.parent.mkdir(parents=True)
    whole.write_text(line(1) + line(2), encoding="utf-8")
    growing.write_text(line(3), encoding="utf-8")
    with open_engine(settings) as engine:
        engine.collect(lambda done, total: None)
        engine.loader.extract()
        engine.loader.load()
    paths = engine.paths.duckdb
    paths.current.mkdir()
    paths.work_database.rename(paths.published_database)  # as publishing leaves it, without building the models
    with growing.open("a", encoding="utf-8") as file:
        file.write(line(4))
    with duckdb.connect(str(paths.published_database), read_only=True) as connection:
        assert connection.execute("select sum(read_bytes) from raw.transcript_files").fetchone() == (3 * len(line(1)),)
    (found,) = Standing(settings).at_risk()
    assert (found.source_file, found.missing_bytes) == ("-home-me/growing.jsonl", len(line(4)))
