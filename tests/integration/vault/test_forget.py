"""What was forgotten is gone from both copies and does not come back, from wherever; whatever else there is stays."""

import json
import multiprocessing
import shutil
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

import collector
import loader
from collector import CollectResult
from common.catalog import CONVERSATIONS, DEAD_LETTERS, FORGOTTEN, TRANSCRIPT_FILES, open_catalog, open_table
from common.settings import Settings
from records import RecordStore, open_store
from records.forgotten import ForgetRequest
from records.store import EARLIEST
from records.sweep import sweep
from scheduler.forget_steps import NotForgottenError
from standalone.backups import backups_before_forgetting, bring_back, make_backup, purge_backups, tell_backups
from standalone.forgetting import InProcessForgetting
from tests.integration.collecting import append, write
from tests.integration.vault.backing import contents, on_mongo, silent
from vault.cleaning import samples_in
from vault.errors import ForgetError
from vault.forget import begin, finish, unfinished
from vault.proof import search_tables
from vault.selection import BEFORE, HOST, PROJECT, SESSION, Selection, Wanted, select

GONE, KEPT = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
SECRET, PUBLIC = "a quite particular sentence about apples", "another quite particular sentence on pears"


def line(session: str, number: int, text: str, day: int = 1, **more: object) -> bytes:
    fields: dict[str, object] = {"type": "user", "uuid": f"{session[:8]}-{number:027d}", "sessionId": session}
    fields |= {
        "timestamp": f"2026-03-{day:02d}T12:00:00.000Z",
        "message": {"role": "user", "content": f"{text} {number}"},
    }
    return json.dumps(fields | more).encode() + b"\n"


@pytest.fixture(params=["sqlite", "mongo"])
def kept(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Settings:
    """A history of two sessions in two projects, collected into each kind of record store and extracted."""
    projects = tmp_path / "projects"
    gone = b"".join(line(GONE, number, SECRET, number) for number in range(1, 9))
    write(projects / "-home-me-secret" / f"{GONE}.jsonl", gone + b"{broken " + SECRET.encode() + b"\n\n")
    write(
        projects / "-home-me-secret" / GONE / "subagents" / "agent-0a1b2c3d.jsonl",
        line(GONE, 99, SECRET, isSidechain=True),
    )
    write(projects / "-home-me-shop" / f"{KEPT}.jsonl", b"".join(line(KEPT, n, PUBLIC, n) for n in range(1, 9)))
    prompts = [{"display": SECRET, "project": "/home/me/secret", "timestamp": 1772366400000, "sessionId": GONE}]
    prompts += [{"display": PUBLIC, "project": "/home/me/shop", "timestamp": 1772366400000}]
    write(tmp_path / "history.jsonl", b"".join(json.dumps(prompt).encode() + b"\n" for prompt in prompts))
    settings = settings.model_copy(update={"transcripts_dir": (projects,), "backup_to": str(tmp_path / "backups")})
    if request.param == "mongo":
        settings = on_mongo(settings, request, "forget")
    collect(settings)
    extract(settings)
    return settings


def collect(settings: Settings) -> CollectResult:
    with closing(open_store(settings)) as store:
        return collector.collect(store, settings.transcripts_dir, settings.host_name)


def extract(settings: Settings) -> None:
    with closing(open_store(settings)) as store:
        loader.extract(store, open_catalog(settings))


def ask(settings: Settings, kind: str, value: str) -> Selection:
    """Write a request down, as the command does before anything is deleted."""
    with closing(open_store(settings)) as store:
        selection = select(store, Wanted(kind, value))
        begin(store, selection, settings.data_dir, "me", "a reason")
        return selection


def carry_out(settings: Settings) -> None:
    """Delete from both copies, and close the request."""
    with closing(open_store(settings)) as store:
        sweep(store)
        loader.extract(store, open_catalog(settings))
        finish(store, settings.data_dir, "searched")


def left(settings: Settings, text: str = SECRET) -> list[str]:
    """Where a text, or the session's id, is in both copies: by what they answer, and by the bytes of every file."""
    found = [name for name, part in contents(settings).items() if text in str(part) or GONE in str(part)]
    catalog = open_catalog(settings)
    for name in (CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES, FORGOTTEN):
        rows = str(open_table(catalog, name).scan().to_arrow().to_pylist())
        found += [name] if text in rows or GONE in rows else []
    found += list(search_tables(catalog, [text, GONE]))
    files = (path for path in settings.data_dir.rglob("*") if path.is_file())
    return found + [str(path) for path in files if {text.encode(), GONE.encode()} & _held(path, text)]


def _held(path: Path, text: str) -> set[bytes]:
    content = path.read_bytes()
    return {sample for sample in (text.encode(), GONE.encode()) if sample in content}


def test_a_session_is_gone_from_both_copies(kept: Settings) -> None:
    assert len(left(kept)) > 6, "the search finds what is there"
    before = contents(kept)
    selection = ask(kept, SESSION, GONE[:5])
    assert (len(selection.lines), len(selection.rejected), selection.sessions) == (10, 1, {GONE})
    assert selection.value == GONE
    carry_out(kept)
    assert left(kept) == []
    after = contents(kept)
    assert [line.line_id for line in after["lines"]] == [
        line.line_id for line in before["lines"] if line.line_id not in selection.lines
    ]
    assert len(after["lines"]) == 9
    assert (after["rejected"], len(after["states"])) == ([], 2)


def test_it_is_not_collected_again_however_the_file_comes_back(kept: Settings, tmp_path: Path) -> None:
    ask(kept, SESSION, GONE)
    carry_out(kept)
    for _ in range(2):
        result = collect(kept)
        assert (result.documents, result.dead_letters, result.files_forgotten) == (0, 0, 2)
    append(tmp_path / "projects" / "-home-me-secret" / f"{GONE}.jsonl", line(GONE, 100, SECRET))
    write(tmp_path / "projects" / "-elsewhere" / "copy.jsonl", line(GONE, 3, SECRET, 3) + line(GONE, 101, SECRET))
    result = collect(kept)
    assert (result.documents, result.forgotten, result.files_forgotten) == (0, 2, 2)
    assert collect(kept).files_forgotten == 3, "a file of which every line was refused is not read again"
    append(tmp_path / "history.jsonl", json.dumps({"display": SECRET, "sessionId": GONE}).encode() + b"\n")
    assert collect(kept).forgotten == 1
    extract(kept)
    assert left(kept) == []


def test_a_project_goes_with_its_prompts_and_what_is_new_in_it_is_collected(kept: Settings, tmp_path: Path) -> None:
    selection = ask(kept, PROJECT, "/home/me/secret")
    assert (selection.value, len(selection.lines)) == ("-home-me-secret", 10)
    carry_out(kept)
    assert left(kept) == []
    new = "33333333-3333-4333-8333-333333333333"
    write(tmp_path / "projects" / "-home-me-secret" / f"{new}.jsonl", line(new, 1, PUBLIC))
    assert collect(kept).documents == 1


def test_a_person_is_the_machine_that_the_lines_came_from(kept: Settings, tmp_path: Path) -> None:
    write(tmp_path / "theirs" / "p" / f"{'4' * 8}.jsonl", line("4" * 8, 1, "of somebody else"))
    with closing(open_store(kept)) as store:
        collector.collect(store, tmp_path / "theirs", "theirs")
    ask(kept, HOST, "laptop")
    carry_out(kept)
    assert {line.place.host for line in contents(kept)["lines"]} == {"theirs"}
    assert {state["host"] for state in contents(kept)["states"]} == {"theirs"}


def test_before_a_day_goes_by_lines_and_what_is_newer_in_a_file_stays(kept: Settings, tmp_path: Path) -> None:
    file = tmp_path / "projects" / "-home-me-shop" / f"{KEPT}.jsonl"
    append(file, b'{"type":"summary","summary":"undated, so as old as what is before it"}\n')
    collect(kept)
    selection = ask(kept, BEFORE, "2026-03-05")
    carry_out(kept)
    lines = contents(kept)["lines"]
    days = {json.loads(line.content).get("timestamp") for line in lines}
    assert not any(str(day) < "2026-03-05" for day in days if isinstance(day, str))
    assert sum(line.session_id == KEPT for line in lines) == 4
    assert any(b"undated" in line.content for line in lines)
    states = {state["sourceFile"]: state for state in contents(kept)["states"]}
    assert states[f"-home-me-shop/{KEPT}.jsonl"]["lines"] == 5
    assert len(selection.lines) == 4 + 4 + 1 + 2
    append(file, line(KEPT, 9, PUBLIC, 9))
    assert collect(kept).documents == 1, "the session goes on"
    file.write_bytes(file.read_bytes()[1:] + b"\n" + file.read_bytes())
    assert collect(kept).forgotten == 3 + 4, "rewritten, its first line broken: refused line by line"


def test_what_is_not_known_is_said_in_one_line(kept: Settings) -> None:
    with closing(open_store(kept)) as store:
        for kind, value, said in (
            (SESSION, "nope", "session: expected the id of one or its beginning, found 'nope': none"),
            (PROJECT, "/nope", "project: expected an id or a path that was collected"),
            (HOST, "nope", r"person: expected the name of a machine \(laptop\), found 'nope'"),
            (BEFORE, "yesterday", "before: expected a day such as 2026-01-31, found 'yesterday'"),
        ):
            with pytest.raises(ForgetError, match=said):
                select(store, Wanted(kind, value))


def test_copies_in_other_sessions_are_named_and_nothing_of_theirs_is_searched_for(
    kept: Settings, tmp_path: Path
) -> None:
    copy = json.loads(line(GONE, 5, SECRET, 5)) | {"sessionId": KEPT}
    append(tmp_path / "projects" / "-home-me-shop" / f"{KEPT}.jsonl", json.dumps(copy).encode() + b"\n")
    collect(kept)
    with closing(open_store(kept)) as store:
        selection = select(store, Wanted(SESSION, GONE))
    assert selection.copies == {KEPT: 1}
    assert copy["uuid"] not in selection.samples
    assert GONE in selection.samples


def test_a_record_store_made_from_iceberg_refuses_it_too(kept: Settings, request: pytest.FixtureRequest) -> None:
    ask(kept, SESSION, GONE)
    carry_out(kept)
    extract(kept)
    lost = on_mongo(kept, request, "lost") if kept.mongo_uri else kept
    if not kept.mongo_uri:
        shutil.rmtree(kept.data_dir / "records")
    collect(lost)  # before anybody knows
    extract(lost)
    assert left(lost) == []
    with closing(open_store(lost)) as store:
        assert [request.reason for request in store.forget_requests()] == ["a reason"]
        assert store.count() == 9
    assert collect(lost).documents == 0


def test_an_older_backup_does_not_bring_it_back(kept: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    where = str(tmp_path / "backups")
    old = make_backup(kept, where).backup
    ask(kept, SESSION, GONE)
    carry_out(kept)
    assert tell_backups(kept) == "; the place of backups was told"
    assert [backup.id for backup in backups_before_forgetting(kept)] == [old.id]
    target = kept.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    target = on_mongo(target, request, "restored") if kept.mongo_uri else target
    restored = bring_back(target, where, old.id, silent)
    assert restored.left_out == 11
    assert contents(target) == contents(kept)
    assert collect(target).documents == 0


def test_the_next_backup_is_without_it_and_a_purge_deletes_the_others(kept: Settings, tmp_path: Path) -> None:
    where = str(tmp_path / "backups")
    old = make_backup(kept, where).backup
    ask(kept, SESSION, GONE)
    carry_out(kept)
    assert "backups from before the last request to forget deleted" in purge_backups(kept)
    assert backups_before_forgetting(kept) == []
    left = {path.name for path in (tmp_path / "backups" / "parts").rglob("*.zst")}
    gone = {Path(part.name).name for part in old.manifest.of("lines", "rejected_lines", "file_states", "file_layouts")}
    assert left & gone == set()
    assert "no backup was made before" in purge_backups(kept)


def test_a_request_is_open_until_the_search_finds_nothing(kept: Settings) -> None:
    ask(kept, SESSION, GONE)
    (kept.data_dir / "left.txt").write_text(f"about {GONE}", encoding="utf-8")
    write(kept.data_dir / "logs" / "dbt.log", GONE.encode())
    write(kept.data_dir / "git_remotes.jsonl", b'{"path":"/x"}\n' + GONE.encode() + b"\n")
    with closing(open_store(kept)) as store:
        forgetting = InProcessForgetting(kept, store, open_catalog(kept))
        assert forgetting.is_pending()
        forgetting.remove(lambda done, total: None)
        loader.extract(store, open_catalog(kept))
        with pytest.raises(NotForgottenError, match=r"found 1: .*left\.txt; close the programs"):
            forgetting.prove(lambda done, total: None)
        assert forgetting.is_pending()
        (kept.data_dir / "left.txt").unlink()
        assert "nothing found" in forgetting.prove(lambda done, total: None)
        assert not forgetting.is_pending()
        assert samples_in(kept.data_dir) == []
    assert not (kept.data_dir / "logs" / "dbt.log").exists()
    assert (kept.data_dir / "git_remotes.jsonl").read_bytes() == b'{"path":"/x"}\n'
    assert left(kept) == []


def test_the_log_holds_hashes_and_no_content(kept: Settings) -> None:
    ask(kept, PROJECT, "-home-me-secret")
    carry_out(kept)
    with closing(open_store(kept)) as store:
        (request,) = store.forget_requests()
        document = request.to_document()
        assert "secret" not in json.dumps(document)
        assert GONE not in json.dumps(document) + str(list(store.all_marks()))
    assert ForgetRequest.from_document(document) == request
    assert (request.asked_by, request.reason, request.kind) == ("me", "a reason", "project")
    assert request.finished_at is not None


def _forget(settings: Settings) -> None:
    carry_out(settings)


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.1, 0.2, 0.4, 0.8])
def test_killed_anywhere_it_is_finished_by_the_next_one(kept: Settings, pause: float) -> None:
    ask(kept, SESSION, GONE)
    process = multiprocessing.get_context("fork").Process(target=_forget, args=(kept,))
    process.start()
    time.sleep(pause)
    if process.pid and process.is_alive():
        process.kill()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    with closing(open_store(kept)) as store:
        is_open = bool(unfinished(store))
    loader_first = pause > 0.1
    if loader_first:  # whatever runs first
        with closing(open_store(kept)) as store:
            loader.refill(store, open_catalog(kept))
        collect(kept)
    if is_open:
        carry_out(kept)
    assert left(kept) == []
    assert len(contents(kept)["lines"]) == 9


def test_everything_may_be_forgotten(kept: Settings) -> None:
    ask(kept, HOST, "laptop")
    carry_out(kept)
    assert {name: len(part) for name, part in contents(kept).items()} == dict.fromkeys(contents(kept), 0)
    assert left(kept, PUBLIC) == []
    assert loader.load(open_catalog(kept), kept.data_dir / "w.db", settings=kept).total_rows == 0


def test_a_store_without_requests_refuses_nothing(kept: Settings) -> None:
    with closing(open_store(kept)) as store:
        assert _all(store) == 19
        assert sweep(store).lines == 0
        assert _all(store) == 19


def _all(store: RecordStore) -> int:
    return sum(1 for _ in store.read_after(EARLIEST))
