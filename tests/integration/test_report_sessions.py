"""Files of the report's sessions, over a demo's database: each session is whole, and only what changed is written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboards.card_query import opened
from report import conversation_rows
from report.packed import read_packed
from report.session_files import Kept, file_name, write_sessions

ZONE = "Europe/Berlin"


@pytest.fixture
def database(demo: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    copied = tmp_path / "analytics.db"
    copied.write_bytes((demo / "duckdb" / "current" / "analytics.db").read_bytes())
    return copied


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "report_sessions"


def _write(database: Path, folder: Path, zone: str = ZONE) -> Kept:
    with opened(database, zone) as connection:
        return write_sessions(connection, folder)


def _times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def _changed(database: Path, folder: Path, sql: str, *values: str) -> set[str]:
    """The files that are not as they were, after the database was changed and the report made again."""
    before = _times(folder)
    with duckdb.connect(database) as connection:
        connection.execute(sql, values)
    _write(database, folder)
    after = _times(folder)
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def _steps(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        for agent in step.get("agents", ()):
            yield from _steps(agent["steps"])


def test_every_session_is_there_with_each_prompt_call_and_cent(database: Path, folder: Path) -> None:
    _write(database, folder)
    with duckdb.connect(database, read_only=True) as connection:
        sessions = connection.execute(
            """
            select
                s.session_id,
                (select count(*) from marts.fct_messages as m where m.session_id = s.session_id and is_human_prompt),
                (select count(*) from marts.fct_tool_calls as t where t.session_id = s.session_id),
                (select sum(cost_usd) from marts.fct_api_requests as r where r.session_id = s.session_id)
            from marts.dim_sessions as s
            """
        ).fetchall()
    assert len(sessions) > 20
    for session_id, prompts, calls, cost in sessions:
        conversation = read_packed(folder / f"{file_name(session_id)}.js")
        steps = list(_steps(conversation["steps"]))
        own = [step for step in steps if not step.get("copied")]
        assert sum(step["kind"] == "prompt" for step in own) == prompts, session_id
        assert sum(step["kind"] == "call" for step in own) == calls, session_id
        assert conversation["cost"] == pytest.approx(cost), session_id
        spent = [step["usage"]["cost"] for step in steps if "usage" in step]
        assert sum(step_cost for step_cost in spent if step_cost is not None) == pytest.approx(cost or 0), session_id


def test_few_sessions_are_read_as_many_are(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    monkeypatch.setattr(conversation_rows, "_FEW", 1_000)
    _write(database, few)
    monkeypatch.setattr(conversation_rows, "_FEW", 0)
    _write(database, many)
    assert {path.name: path.read_bytes() for path in few.iterdir()} == {
        path.name: path.read_bytes() for path in many.iterdir()
    }


def test_a_second_report_writes_nothing(database: Path, folder: Path) -> None:
    first = _write(database, folder)
    times = _times(folder)
    assert _write(database, folder) == first
    assert _times(folder) == times
    assert len(times) == len(first.searched) + len([name for name in times if not name.startswith("search-")])


def test_only_the_session_that_changed_and_its_month_are_written(database: Path, folder: Path) -> None:
    _write(database, folder)
    with duckdb.connect(database, read_only=True) as connection:
        [(session, month)] = connection.execute(
            "select session_id, strftime(started_at, '%Y-%m') from marts.dim_sessions"
            " where day(started_at) between 5 and 25 limit 1"
        ).fetchall()
    retitled = "update marts.dim_sessions set title = 'A new title' where session_id = ?"
    assert _changed(database, folder, retitled, session) == {f"{session}.js", f"search-{month}.js"}
    assert read_packed(folder / f"{session}.js")["title"] == "A new title"
    texts = read_packed(folder / f"search-{month}.js")
    assert [text["title"] for text in texts if text["id"] == session] == ["A new title"]
    cheaper = "update marts.fct_api_requests set cost_usd = 0 where session_id = ?"
    assert f"{session}.js" in _changed(database, folder, cheaper, session)


def test_a_session_that_is_gone_leaves_no_file_and_no_hit(database: Path, folder: Path) -> None:
    _write(database, folder)
    with duckdb.connect(database, read_only=True) as connection:
        [(session,)] = connection.execute("select min(session_id) from marts.dim_sessions").fetchall()
    gone = "delete from marts.dim_sessions where session_id = ?"
    assert f"{session}.js" in _changed(database, folder, gone, session)
    assert not (folder / f"{session}.js").exists()
    assert all(text["id"] != session for path in folder.glob("search-*.js") for text in read_packed(path))


def test_what_was_lost_or_damaged_is_written_again(database: Path, folder: Path) -> None:
    kept = _write(database, folder)
    some = min(path for path in folder.iterdir() if not path.name.startswith("search-"))
    search = folder / f"{kept.searched[0]}.js"
    before = some.read_bytes(), search.read_bytes()
    some.unlink()
    search.write_text("// claude-analytics cut sho", encoding="ascii")
    (folder / "notes.js").write_text("// somebody's own file", encoding="ascii")
    _write(database, folder)
    assert (some.read_bytes(), search.read_bytes()) == before
    assert (folder / "notes.js").exists()


def test_another_timezone_writes_all_again_since_times_are_local(database: Path, folder: Path) -> None:
    _write(database, folder)
    times = _times(folder)
    _write(database, folder, "Asia/Tokyo")
    after = _times(folder)
    assert all(after.get(name) != time for name, time in times.items() if not name.startswith("search-"))
