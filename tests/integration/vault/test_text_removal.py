"""Texts that expire go from both copies, by what they answer and byte by byte; what stands in their place stays."""

import json
import multiprocessing
import re
import shutil
import signal
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

import loader
from common.catalog import CONVERSATIONS, DEAD_LETTERS, open_catalog, open_table
from common.private_files import LEFT_OVER
from common.settings import Settings
from records import open_store
from records.reduced import original_length
from records.store import EARLIEST
from scheduler.forget_steps import NotForgottenError
from standalone.backups import bring_back, make_backup, tell_backups
from standalone.forgetting import InProcessForgetting
from tests.integration.collecting import ROOT, append, write
from tests.integration.vault.backing import contents, on_mongo, silent
from tests.integration.vault.forgetting import (
    GONE,
    PUBLIC,
    SECRET,
    ask,
    carry_out,
    collect,
    extract,
    iceberg_becomes,
    line,
)
from vault.cleaning import SAMPLES, samples_in, search_files
from vault.forget import finish, keep_samples, unfinished
from vault.proof import search_tables
from vault.search import find_in
from vault.selection import SESSION
from vault.text_removal import begin_text, blank_lines, end_text, reduce_lines
from vault.transcripts import Wanted as Transcripts
from vault.transcripts import give_back

BEFORE = datetime(2026, 4, 1, tzinfo=UTC)
TEXTS = (SECRET, PUBLIC)
LINES, REJECTED = 19, 1


def removed(number: int) -> dict[str, Any]:
    """What stands in the place of a line's texts, as the scheduler asks it of the work database."""
    shared = {"line_type": "user", "message_type": "user", "is_meta": False, "event_at": "2026-03-01T12:00:00+00:00"}
    facts = json.dumps({"text_length": number, "text_digest": "0" * 32})
    return {"line": shared, "rows": [{"block_type": "text", "kept_facts": facts}]}


def begin(settings: Settings) -> list[str]:
    """Write the request down; return the ids of all lines."""
    with closing(open_store(settings)) as store:
        ids = [line.line_id for line in store.read_after(EARLIEST)]
        begin_text(store, BEFORE, len(ids))
    return ids


def remove(settings: Settings, ids: list[str]) -> int:
    """Reduce these lines and all that could not be parsed; return how many had texts."""
    with closing(open_store(settings)) as store:
        changed = reduce_lines(store, settings.data_dir, {line_id: removed(n) for n, line_id in enumerate(ids)})
        changed += blank_lines(store, settings.data_dir, list(store.rejected_ids()))
        end_text(store, settings.data_dir)
    return changed


def expire(settings: Settings) -> None:
    """Do what a run does in both copies, and close the request."""
    remove(settings, begin(settings))
    extract(settings)
    with closing(open_store(settings)) as store:
        finish(store, settings.data_dir, "searched")


def places(settings: Settings) -> list[str]:
    """Where a text is in both copies: by what they answer, and by the bytes of every file."""
    found = [name for name, part in contents(settings).items() if any(text in str(part) for text in TEXTS)]
    catalog = open_catalog(settings)
    for name in (CONVERSATIONS, DEAD_LETTERS):
        rows = str(open_table(catalog, name).scan().to_arrow().to_pylist())
        found += [name] if any(text in rows for text in TEXTS) else []
    found += list(search_tables(catalog, TEXTS))
    files = (path for path in settings.data_dir.rglob("*") if path.is_file())
    return found + [str(path) for path in files if any(text.encode() in path.read_bytes() for text in TEXTS)]


def reduced(settings: Settings) -> int:
    """Return how many lines of the record store have no text any more."""
    return sum(original_length(line.content) is not None for line in contents(settings)["lines"])


def test_texts_are_gone_from_both_copies_and_lines_stay(past: Settings) -> None:
    assert len(places(past)) > 5, "the search finds what is there"
    before = contents(past)
    ids = begin(past)
    assert remove(past, ids) == LINES + REJECTED
    extract(past)
    with closing(open_store(past)) as store:
        (request,) = unfinished(store)
        assert (request.kind, request.counts, request.asked_by) == ("text", {"lines": LINES}, "TEXT_RETENTION_DAYS")
        samples = samples_in(past.data_dir, [request.id])
        assert {text for text in TEXTS if any(text in sample or sample in f"{text} 1" for sample in samples)}
        finish(store, past.data_dir, "searched")
    assert not (past.data_dir / SAMPLES).exists()
    assert places(past) == []
    after = contents(past)
    for name in ("lines", "rejected"):
        kept = [(line.line_id, line.place, line.ingested_at) for line in before[name]]
        assert [(line.line_id, line.place, line.ingested_at) for line in after[name]] == kept
    assert [(line.session_id, line.uuid, line.line_type) for line in after["lines"]] == [
        (line.session_id, line.uuid, line.line_type) for line in before["lines"]
    ]
    lengths = [original_length(line.content) for line in after["lines"]]
    assert lengths == [len(line.content) for line in before["lines"]]
    assert [len(line.raw) for line in after["rejected"]] == [len(line.raw) for line in before["rejected"]]
    assert remove(past, ids) == 0


def test_rows_of_a_reduced_line_are_those_that_it_was_given(past: Settings, tmp_path: Path) -> None:
    expire(past)
    result = loader.load(open_catalog(past), tmp_path / "w.db", settings=past)
    assert (result.documents, result.rows) == (LINES, LINES)
    with duckdb.connect(str(tmp_path / "w.db")) as connection:
        query = (
            "select count(*), count(block_text), count(distinct kept_facts ->> '$.text_length'),"
            " count(*) filter (where block_type = 'text' and message_type = 'user' and not is_progress),"
            " min(epoch(event_at)) from raw.conversations"
        )
        assert connection.execute(query).fetchone() == (LINES, 0, LINES, LINES, 1772366400)
        assert connection.execute("select line from raw.dead_letters").fetchall()[0][0].strip("?") == ""


def test_a_transcript_that_is_still_there_brings_no_text_back(past: Settings, tmp_path: Path) -> None:
    expire(past)
    assert collect(past).documents == 0
    append(tmp_path / "projects" / "-home-me-secret" / f"{GONE}.jsonl", line(GONE, 100, "new words"))
    write(tmp_path / "projects" / "-elsewhere" / "copy.jsonl", line(GONE, 3, SECRET, 3))
    assert collect(past).documents == 1
    extract(past)
    assert (places(past), reduced(past)) == ([], LINES)


def test_a_full_refresh_brings_no_text_back(past: Settings) -> None:
    catalog, work = open_catalog(past), past.data_dir / "work.db"
    loader.load(catalog, work, settings=past)
    assert find_in(work, TEXTS), "the search finds what is there"
    expire(past)
    assert collect(past).documents == 0
    with closing(open_store(past)) as store:
        assert loader.extract(store, catalog, full_refresh=True).documents == LINES
    assert loader.load(catalog, work, settings=past, full_refresh=True).documents == LINES
    assert (find_in(work, TEXTS), places(past), reduced(past)) == (None, [], LINES)


def test_neither_copy_brings_texts_back(past: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    shutil.copytree(past.data_dir / "iceberg", tmp_path / "older")
    expire(past)
    iceberg_becomes(past, tmp_path / "older")
    assert places(past) == []
    lost = on_mongo(past, request, "lost") if past.mongo_uri else past
    if not past.mongo_uri:
        shutil.rmtree(past.data_dir / "records")
    with closing(open_store(lost)) as store:
        assert loader.refill(store, open_catalog(lost)) == LINES
        assert [request.kind for request in unfinished(store)] == ["text"], "open again: texts may have come in"
    assert collect(lost).documents == 0
    assert (places(lost), reduced(lost)) == ([], LINES)


def test_an_older_backup_is_reduced_again(past: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    where = str(tmp_path / "backups")
    old = make_backup(past, where).backup
    expire(past)
    tell_backups(past)
    target = past.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    target = on_mongo(target, request, "restored") if past.mongo_uri else target
    bring_back(target, where, old.id, silent)
    assert reduced(target) == 0
    with closing(open_store(target)) as store:
        (restored,) = unfinished(store)
        ids = [line.line_id for line in store.read_after(EARLIEST)]
    assert restored.kind == "text"
    assert remove(target, ids) == LINES + REJECTED
    assert contents(target)["lines"] == contents(past)["lines"]
    new = make_backup(past, where).backup
    shared = {part.name for part in old.manifest.of("lines")} & {part.name for part in new.manifest.of("lines")}
    assert shared == set(), "the next backup takes no part over that holds texts"


def test_a_transcript_is_given_back_reduced_and_says_so(past: Settings, tmp_path: Path) -> None:
    expire(past)
    with closing(open_store(past)) as store:
        given = give_back(store, Transcripts(session=GONE), tmp_path / "back")
    notes = {file.path.name: (file.problem, file.note) for file in given}
    problem, note = notes[f"{GONE}.jsonl"]
    assert problem is None
    assert (
        note
        == "the texts of 8 lines are no longer kept (TEXT_RETENTION_DAYS); only the facts that figures need are kept"
    )
    written = (tmp_path / "back" / "projects" / "-home-me-secret" / f"{GONE}.jsonl").read_text(encoding="utf-8")
    assert [json.loads(row)["sessionId"] for row in written.splitlines()[:8]] == [GONE] * 8


def test_what_was_reduced_is_forgotten_like_any_line(past: Settings) -> None:
    expire(past)
    ask(past, SESSION, GONE)
    carry_out(past)
    assert len(contents(past)["lines"]) == 9
    assert reduced(past) == 9


def test_only_what_a_transcript_brought_keeps_a_request_open(past: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    remove(past, begin(past))
    extract(past)
    ours = (ROOT / "dashboards" / "budgets.yaml").read_text(encoding="utf-8").split("description: ")[1][:40]
    monkeypatch.setenv("SOME_SETTING", f"has {SECRET}")
    (past.data_dir / "notes.log").write_text(f"level=info said={PUBLIC}\n", encoding="utf-8")
    write(past.data_dir / "report.html", f"{SECRET}, {ours}".encode())
    with closing(open_store(past)) as store:
        (request,) = unfinished(store)
        keep_samples(past.data_dir, request.id, [SECRET, PUBLIC, ours])
        forgetting = InProcessForgetting(past, store, open_catalog(past))
        write(past.data_dir / "duckdb" / "statusline.json", PUBLIC.encode())
        with pytest.raises(NotForgottenError, match=r"found 1: .*statusline\.json; close"):
            forgetting.prove(lambda done, total: None)
        (past.data_dir / "duckdb" / "statusline.json").unlink()
        done = forgetting.prove(lambda done, total: None)
        assert re.match(
            r"searched for 1 samples .* nothing found; not written by us, and left unchanged: .*notes\.log", done
        )
        assert unfinished(store) == []


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.15, 0.4])
def test_killed_anywhere_it_is_finished_by_the_next_run(past: Settings, pause: float) -> None:
    ids = begin(past)
    process = multiprocessing.get_context("fork").Process(target=_remove_and_extract, args=(past, ids))
    process.start()
    time.sleep(pause)
    if process.pid and process.is_alive():
        process.kill()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    assert len(contents(past)["lines"]) == LINES, "no line is ever away"
    with closing(open_store(past)) as store:
        assert unfinished(store)
    (past.data_dir / f"{LEFT_OVER}killed").write_text(TEXTS[0], encoding="utf-8")  # as a killed writer does
    expire(past)
    assert search_files(past, TEXTS).found == {}
    assert (places(past), reduced(past), len(contents(past)["lines"])) == ([], LINES, LINES)


def _remove_and_extract(settings: Settings, ids: list[str]) -> None:
    remove(settings, ids)
    extract(settings)
