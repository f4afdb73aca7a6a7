"""Nothing brings back what was forgotten: no lost copy, no older backup, no kill; and the log tells no content."""

import json
import multiprocessing
import shutil
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

import loader
from common.catalog import open_catalog
from common.settings import Settings
from records import RecordStore, open_store
from records.forgotten import ForgetRequest
from records.store import EARLIEST
from records.sweep import sweep
from scheduler.forget_steps import NotForgottenError
from standalone.backups import backups_before_forgetting, bring_back, make_backup, purge_backups, tell_backups
from standalone.forgetting import InProcessForgetting
from tests.integration.collecting import write
from tests.integration.vault.backing import contents, on_mongo, silent
from tests.integration.vault.forgetting import GONE, PUBLIC, ask, carry_out, collect, extract, iceberg_becomes, left
from vault.cleaning import SAMPLES
from vault.forget import keep_samples, unfinished
from vault.selection import HOST, PROJECT, SESSION


def test_a_record_store_made_from_iceberg_refuses_it_too(past: Settings, request: pytest.FixtureRequest) -> None:
    ask(past, SESSION, GONE)
    carry_out(past)
    extract(past)
    lost = on_mongo(past, request, "lost") if past.mongo_uri else past
    if not past.mongo_uri:
        shutil.rmtree(past.data_dir / "records")
    collect(lost)  # before anybody knows
    extract(lost)
    assert left(lost) == []
    with closing(open_store(lost)) as store:
        assert [request.reason for request in store.forget_requests()] == ["a reason"]
        assert store.count() == 9
    assert collect(lost).documents == 0


def test_an_older_backup_does_not_bring_it_back(past: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    where = str(tmp_path / "backups")
    old = make_backup(past, where).backup
    ask(past, SESSION, GONE)
    carry_out(past)
    assert tell_backups(past) == "; the backup location was updated"
    assert [backup.id for backup in backups_before_forgetting(past)] == [old.id]
    target = past.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    target = on_mongo(target, request, "restored") if past.mongo_uri else target
    restored = bring_back(target, where, old.id, silent)
    assert restored.left_out == 11
    assert contents(target) == contents(past)
    assert collect(target).documents == 0


def test_the_next_backup_is_without_it_and_a_purge_deletes_the_others(past: Settings, tmp_path: Path) -> None:
    where = str(tmp_path / "backups")
    old = make_backup(past, where).backup
    ask(past, SESSION, GONE)
    carry_out(past)
    assert "backups from before the last request to forget deleted" in purge_backups(past)
    assert backups_before_forgetting(past) == []
    left = {path.name for path in (tmp_path / "backups" / "parts").rglob("*.zst")}
    gone = {Path(part.name).name for part in old.manifest.of("lines", "rejected_lines", "file_states", "file_layouts")}
    assert left & gone == set()
    assert "no backup is older than" in purge_backups(past)


def test_a_request_is_open_until_the_search_finds_nothing(past: Settings) -> None:
    ask(past, SESSION, GONE)
    keep_samples(past.data_dir, "not written down", [PUBLIC])
    (past.data_dir / "left.txt").write_text(f"about {GONE}", encoding="utf-8")
    write(past.data_dir / "logs" / "dbt.log", GONE.encode())
    write(past.data_dir / "git_remotes.jsonl", b'{"path":"/x"}\n' + GONE.encode() + b"\n")
    with closing(open_store(past)) as store:
        forgetting = InProcessForgetting(past, store, open_catalog(past))
        assert forgetting.is_pending()
        forgetting.remove(lambda done, total: None)
        loader.extract(store, open_catalog(past))
        with pytest.raises(NotForgottenError, match=r"found 1: .*left\.txt; close the programs"):
            forgetting.prove(lambda done, total: None)
        assert forgetting.is_pending()
        (past.data_dir / "left.txt").unlink()
        assert "nothing found" in forgetting.prove(lambda done, total: None)
        assert not forgetting.is_pending()
        assert not (past.data_dir / SAMPLES).exists()
    assert not (past.data_dir / "logs" / "dbt.log").exists()
    assert (past.data_dir / "git_remotes.jsonl").read_bytes() == b'{"path":"/x"}\n'
    assert left(past) == []


def test_the_log_holds_hashes_and_no_content(past: Settings) -> None:
    ask(past, PROJECT, "-home-me-secret")
    carry_out(past)
    with closing(open_store(past)) as store:
        (request,) = store.forget_requests()
        document = request.to_document()
        assert "secret" not in json.dumps(document)
        assert GONE not in json.dumps(document) + str(list(store.all_marks()))
    assert ForgetRequest.from_document(document) == request
    assert (request.asked_by, request.reason, request.kind) == ("me", "a reason", "project")
    assert request.finished_at is not None


def _forget(settings: Settings) -> None:
    carry_out(settings)


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.1, 0.2, 0.4])
def test_killed_anywhere_it_is_finished_by_the_next_one(past: Settings, pause: float) -> None:
    ask(past, SESSION, GONE)
    process = multiprocessing.get_context("fork").Process(target=_forget, args=(past,))
    process.start()
    time.sleep(pause)
    if process.pid and process.is_alive():
        process.kill()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    with closing(open_store(past)) as store:
        is_open = bool(unfinished(store))
    loader_first = pause > 0.1
    if loader_first:  # whatever runs first
        with closing(open_store(past)) as store:
            loader.refill(store, open_catalog(past))
        collect(past)
    if is_open:
        carry_out(past)
    assert left(past) == []
    assert len(contents(past)["lines"]) == 9


def test_everything_may_be_forgotten(past: Settings) -> None:
    ask(past, HOST, "laptop")
    carry_out(past)
    assert {name: len(part) for name, part in contents(past).items()} == dict.fromkeys(contents(past), 0)
    assert left(past, PUBLIC) == []
    assert loader.load(open_catalog(past), past.data_dir / "w.db", settings=past).total_rows == 0


def test_a_store_without_requests_refuses_nothing(past: Settings) -> None:
    with closing(open_store(past)) as store:
        assert _all(store) == 19
        assert sweep(store).lines == 0
        assert _all(store) == 19


def _all(store: RecordStore) -> int:
    return sum(1 for _ in store.read_after(EARLIEST))


def test_an_older_copy_of_iceberg_does_not_bring_it_back(tmp_path: Path, past: Settings) -> None:
    shutil.copytree(past.data_dir / "iceberg", tmp_path / "older")
    ask(past, SESSION, GONE)
    carry_out(past)
    iceberg_becomes(past, tmp_path / "older")
    assert left(past) == []
    assert len(contents(past)["lines"]) == 9
