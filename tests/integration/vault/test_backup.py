"""A backup holds everything once, and comes back into an empty place; whatever is wrong with it is noticed."""

import json
import os
import random
import stat
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

import collector
from common.settings import Settings
from records import open_store
from records.store import EARLIEST
from scheduler.runner import open_history
from standalone.backups import bring_back, make_backup
from tests.integration.collecting import LINE, write
from tests.integration.vault.backing import collect, contents, on_mongo, silent
from vault.errors import BusyError, PlaceError, VaultError
from vault.folder import FolderPlace
from vault.manifest import LINES, backup_names, find_backup
from vault.places import open_place
from vault.reading import verify
from vault.seal import Key


@pytest.fixture(params=["sqlite", "mongo"])
def kept(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """A collected history in each kind of record store."""
    if request.param == "mongo":
        settings = on_mongo(settings, request, "original")
    collect(settings)
    return settings


def elsewhere(settings: Settings, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Another, empty place of the same kind."""
    target = settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    return on_mongo(target, request, "restored") if settings.mongo_uri else target


def test_a_backup_comes_back_as_it_was(kept: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    done = make_backup(kept, str(tmp_path / "backups"))
    target = elsewhere(kept, request, tmp_path)
    restored = bring_back(target, str(tmp_path / "backups"), None, silent)
    assert contents(target) == contents(kept)
    assert restored.counts[LINES] == done.backup.manifest.count(LINES) == len(contents(kept)["lines"]) > 300
    assert open_history(target).get_state("kept") == "in the history of runs"
    assert (target.data_dir / "plan_limits.jsonl").read_bytes() == b'{"limit":1}\n'
    assert (target.data_dir / "cost-centres.yaml").read_bytes() == b"rules: []\n"
    assert (target.data_dir / "statements" / "2026-10.v1.json").read_bytes() == b'{"month":"2026-10"}\n'
    effective = json.loads((target.data_dir / "restored/settings/effective.json").read_text())
    assert effective["HOST_NAME"] == "laptop"
    assert "MONGO_URI" not in effective


@pytest.mark.parametrize("first", ["sqlite", "mongo"])
def test_a_backup_of_one_record_store_comes_back_in_the_other(
    first: str, settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    other = settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    source, target = (
        (settings, on_mongo(other, request, "to")) if first == "sqlite" else (on_mongo(settings, request, "of"), other)
    )
    collect(source)
    make_backup(source, str(tmp_path / "backups"))
    bring_back(target, str(tmp_path / "backups"), None, silent)
    assert contents(target) == contents(source)


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}


def test_it_is_for_its_owner_alone(kept: Settings, tmp_path: Path) -> None:
    make_backup(kept, str(tmp_path / "backups"))
    folders = [tmp_path / "backups", *(path for path in (tmp_path / "backups").rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert modes(tmp_path / "backups") == {0o600}


def test_the_next_one_writes_only_what_is_new(kept: Settings, tmp_path: Path) -> None:
    where = str(tmp_path / "backups")
    first = make_backup(kept, where).backup.manifest
    again = make_backup(kept, where).backup.manifest
    assert again.of(LINES) == first.of(LINES)
    assert again.new_bytes < first.new_bytes / 20  # the history of runs may have moved on
    projects = tmp_path / "more"
    write(projects / "p/s.jsonl", b"".join(LINE % number for number in range(3)))
    collect(kept.model_copy(update={"transcripts_dir": (projects,)}))
    third = make_backup(kept, where).backup.manifest
    assert third.count(LINES) == first.count(LINES) + 3


def test_what_came_late_is_in_the_next_one(kept: Settings, tmp_path: Path) -> None:
    """A line that is restored into an old range, as the loader does, changes the count of that range."""
    where = str(tmp_path / "backups")
    first = make_backup(kept, where).backup.manifest
    with closing(open_store(kept)) as store:
        (line,) = list(store.read_lines([next(store.ids_between(EARLIEST, datetime.now(UTC) + timedelta(days=1)))]))
        late = line.__class__(
            "0" * 32, None, None, "mode", line.place, line.ingested_at, b'{"type":"mode","late":true}'
        )
        assert store.restore_lines([late]) == 1
    second = make_backup(kept, where).backup.manifest
    assert second.count(LINES) == first.count(LINES) + 1


def test_a_backup_of_another_machine_is_not_taken_over(kept: Settings, tmp_path: Path) -> None:
    where = str(tmp_path / "backups")
    make_backup(kept, where)
    other = kept.model_copy(update={"host_name": "other", "data_dir": tmp_path / "other", "mongo_database": "empty"})
    assert make_backup(other, where).backup.manifest.count(LINES) == 0
    assert find_backup(open_place(where, kept)).manifest.count(LINES) == 0
    assert len(backup_names(open_place(where, kept))) == 2, "the one with the lines is kept"


def test_every_flipped_bit_is_noticed(settings: Settings, tmp_path: Path) -> None:
    collect(settings)
    make_backup(settings, str(tmp_path / "backups"))
    place = open_place(str(tmp_path / "backups"), settings)
    backup = find_backup(place)
    files = [tmp_path / "backups" / name for name in {part.name for part in backup.manifest.parts} | {backup.name}]
    chance = random.Random(16)
    for number in range(60):
        file = files[number % len(files)]
        content = file.read_bytes()
        position, bit = chance.randrange(len(content)), 1 << chance.randrange(8)
        file.write_bytes(content[:position] + bytes([content[position] ^ bit]) + content[position + 1 :])
        with pytest.raises(VaultError, match=r"expected checksum \w+, found \w+; take another backup"):
            bring_back(settings.model_copy(update={"data_dir": tmp_path / "no"}), place.name, None, silent)
        assert not (tmp_path / "no").exists()
        file.write_bytes(content)
    assert [problem for _, problem in verify(place, backup, Key()) if problem] == []


def test_a_missing_part_is_named_and_a_full_backup_mends_it(settings: Settings, tmp_path: Path) -> None:
    collect(settings)
    where = str(tmp_path / "backups")
    part = make_backup(settings, where).backup.manifest.of(LINES)[0]
    (tmp_path / "backups" / part.name).unlink()
    with pytest.raises(VaultError, match=rf"nothing was restored: lines: {part.name}: expected .* found no such file"):
        bring_back(settings.model_copy(update={"data_dir": tmp_path / "no"}), where, None, silent)
    make_backup(settings, where)
    (tmp_path / "backups" / part.name).write_bytes(b"x" * part.bytes)  # rotten, and as long as it was
    assert make_backup(settings, where, full=True).backup.manifest.of(LINES) == [part]
    bring_back(settings.model_copy(update={"data_dir": tmp_path / "yes"}), where, None, silent)


def test_only_an_empty_place_is_restored_to(kept: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    where = str(tmp_path / "backups")
    make_backup(kept, where)
    before = contents(kept)
    with pytest.raises(PlaceError, match="restore: expected an empty"):
        bring_back(kept, where, None, silent)
    if kept.mongo_uri:
        with pytest.raises(PlaceError, match=r"expected an empty record store, found .* lines"):
            bring_back(kept.model_copy(update={"data_dir": tmp_path / "new"}), where, None, silent)
        assert not (tmp_path / "new").exists()
    assert contents(kept) == before


def test_no_backup_is_written_into_a_checkout(settings: Settings, tmp_path: Path) -> None:
    collect(settings)
    (tmp_path / "work" / ".git").mkdir(parents=True)
    with pytest.raises(PlaceError, match="expected a folder outside of any git checkout"):
        make_backup(settings, str(tmp_path / "work" / "deep" / "backups"))
    assert not (tmp_path / "work" / "deep").exists()


def test_a_folder_that_others_may_enter_is_refused(settings: Settings, tmp_path: Path) -> None:
    collect(settings)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    with pytest.raises(PlaceError, match="with mode 755; chmod 700"):
        make_backup(settings, str(tmp_path / "open"))


def test_two_at_once_do_not_meet(settings: Settings, tmp_path: Path) -> None:
    collect(settings)
    place = FolderPlace(tmp_path / "backups")
    with place.lock(), pytest.raises(BusyError, match="another backup is being written there"):
        make_backup(settings, str(tmp_path / "backups"))
    outcomes: list[BaseException | None] = []

    def work() -> None:
        try:
            make_backup(settings, str(tmp_path / "backups"))
        except BusyError as error:
            outcomes.append(error)
        else:
            outcomes.append(None)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None in outcomes
    backup = find_backup(open_place(place.name, settings))
    assert [problem for _, problem in verify(place, backup, Key()) if problem] == []


def test_everything_goes_on_meanwhile(kept: Settings, tmp_path: Path) -> None:
    """Lines are collected while backups are made; each backup comes back, and the last one has every line."""
    projects = tmp_path / "more"
    (projects / "p").mkdir(parents=True)
    growing = kept.model_copy(update={"transcripts_dir": (projects,)})
    stop = threading.Event()

    def grow() -> None:
        with closing(open_store(growing)) as store:
            for number in range(1_000_000):
                with (projects / "p/s.jsonl").open("ab") as file:
                    file.write(LINE % number * 1)
                collector.collect(store, projects, "laptop")
                if stop.is_set():
                    return

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        ids = [make_backup(kept, str(tmp_path / f"backups-{number}")).backup.id for number in range(4)]
    finally:
        stop.set()
        thread.join()
    for number, backup in enumerate(ids):
        target = kept.model_copy(update={"data_dir": tmp_path / f"back-{number}", "mongo_uri": None})
        restored = bring_back(target, str(tmp_path / f"backups-{number}"), backup, silent)
        with closing(open_store(target)) as store:
            counted = sum(state.lines - state.dead_letters - state.duplicates for state in store.all_states())
            assert counted <= restored.counts[LINES] == store.count(), "a state counts no line that is not there"
    last = make_backup(kept, str(tmp_path / "backups-3")).backup.manifest
    with closing(open_store(kept)) as store:
        assert last.count(LINES) == store.count()


def test_an_ordinary_tool_opens_it(settings: Settings, tmp_path: Path) -> None:
    """As README.txt beside the backup says: zstd, and any reader of JSON lines."""
    import duckdb  # noqa: PLC0415

    collect(settings)
    manifest = make_backup(settings, str(tmp_path / "backups")).backup.manifest
    for part in manifest.of(LINES):
        path = tmp_path / "backups" / part.name
        sql = "select count(*), count(line) from read_json(?, format = 'newline_delimited', compression = 'zstd')"
        counted = duckdb.execute(sql, [str(path)]).fetchone()
        assert counted == (part.rows, part.rows)


def test_nothing_of_a_backup_names_a_secret_in_clear(settings: Settings, tmp_path: Path) -> None:
    """The effective settings are told without secrets, and the files that are not encrypted hold no passphrase."""
    secret = settings.model_copy(
        update={"backup_passphrase": SecretStr("correct horse"), "loader_token": SecretStr("token-of-the-loader")}
    )
    collect(secret)
    make_backup(secret, str(tmp_path / "backups"))
    bring_back(secret.model_copy(update={"data_dir": tmp_path / "to"}), str(tmp_path / "backups"), None, silent)
    for folder in (tmp_path / "backups", tmp_path / "to" / "restored"):
        for file in folder.rglob("*"):
            if file.is_file():
                assert b"correct horse" not in file.read_bytes()
                assert b"token-of-the-loader" not in file.read_bytes()
    assert os.environ.get("BACKUP_PASSPHRASE") is None
