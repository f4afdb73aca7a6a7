"""Publishing: a whole old generation or a whole new one, whatever happens in between."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from common.paths import DuckDBVolume
from scheduler import publish as publishing
from scheduler.publish import PublishError, current_generation, list_generations, publish, remove_old_generations
from scheduler.work_database import connect


@pytest.fixture
def volume(tmp_path: Path) -> DuckDBVolume:
    return DuckDBVolume(tmp_path / "duckdb")


def build(volume: DuckDBVolume, rows: int) -> None:
    """A work database as dbt leaves one: a table in marts and a view of it."""
    volume.work_database.parent.mkdir(parents=True, exist_ok=True)
    with closing(connect(volume.work_database)) as connection:
        connection.execute("create schema if not exists marts")
        connection.execute(f"create or replace table marts.facts as select range as n from range({rows})")
        connection.execute("create or replace view marts.shown as select * from analytics.marts.facts")


def published_rows(volume: DuckDBVolume) -> int:
    with closing(duckdb.connect(str(volume.well_known_database), read_only=True)) as connection:
        row = connection.execute("select count(*) from marts.shown").fetchone()
    assert row is not None
    return int(row[0])


def test_a_generation_says_what_it_holds_and_what_it_was_built_from(volume: DuckDBVolume) -> None:
    build(volume, 3)
    generation = publish(volume, keep=2, facts={"load_id": 7})
    assert (generation.number, generation.row_counts, generation.facts) == (1, {"marts.facts": 3}, {"load_id": 7})
    assert current_generation(volume) == generation
    assert volume.current.readlink() == Path("generations/1")
    assert volume.well_known_database.readlink() == Path("current/analytics.db")


def test_a_reader_goes_on_with_its_generation_and_a_new_connection_sees_the_next(volume: DuckDBVolume) -> None:
    build(volume, 1)
    publish(volume, keep=2)
    with closing(duckdb.connect(str(volume.published_database), read_only=True)) as reader:
        for rows in (2, 3, 4):
            build(volume, rows)
            publish(volume, keep=2)
            assert published_rows(volume) == rows
            assert reader.execute("select count(*) from marts.facts").fetchone() == (1,)


@pytest.fixture
def btrfs(tmp_path: Path) -> Iterator[Path]:
    """A small filesystem whose files can share blocks."""
    if os.geteuid() != 0 or not shutil.which("mkfs.btrfs"):
        pytest.skip("mounts a Btrfs image: needs root and mkfs.btrfs (apt install btrfs-progs)")
    image, folder = tmp_path / "btrfs.img", tmp_path / "btrfs"
    with image.open("wb") as file:
        file.truncate(300 << 20)
    folder.mkdir()
    subprocess.run(["mkfs.btrfs", "--quiet", str(image)], check=True, capture_output=True)
    mounted = subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no loop device can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_generation_shares_its_blocks_with_the_work_database_where_files_can(btrfs: Path) -> None:
    volume = DuckDBVolume(btrfs / "duckdb")
    volume.work_database.parent.mkdir(parents=True)
    with closing(connect(volume.work_database)) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.facts as select hash(range) as n from range(8000000)")
    size = volume.work_database.stat().st_size
    os.sync()
    before = shutil.disk_usage(btrfs).free
    publish(volume, keep=2)
    os.sync()
    assert before - shutil.disk_usage(btrfs).free < size / 4
    build(volume, 5)
    publish(volume, keep=2)
    with closing(duckdb.connect(str(volume.generations / "1" / "analytics.db"), read_only=True)) as connection:
        assert connection.execute("select count(*), bit_xor(n) from marts.facts").fetchone() == (
            8_000_000,
            duckdb.sql("select bit_xor(hash(range)) from range(8000000)").fetchall()[0][0],
        )


def test_old_generations_go_and_the_current_one_stays(volume: DuckDBVolume) -> None:
    for rows in range(1, 6):
        build(volume, rows)
        publish(volume, keep=2)
    assert [generation.number for generation in list_generations(volume)] == [5, 4]
    volume.current.unlink()
    volume.current.symlink_to("generations/4")  # somebody went back by hand
    assert remove_old_generations(volume, keep=1) == 0
    assert published_rows(volume) == 4


def test_a_generation_whose_manifest_cannot_be_read_does_not_count_and_the_next_one_does(volume: DuckDBVolume) -> None:
    build(volume, 1)
    publish(volume, keep=2)
    (volume.generations / "1" / publishing.MANIFEST_FILE).write_text("{")
    assert publishing.current_generation(volume) is None
    assert list_generations(volume) == []
    assert publish(volume, keep=2).number == 2


def test_nobody_can_write_to_a_published_file(volume: DuckDBVolume) -> None:
    build(volume, 1)
    publish(volume, keep=2)
    assert volume.published_database.stat().st_mode & 0o222 == 0


class Killed(BaseException):
    """Stands for the process's end at one instruction."""


STEPS = ("_require_space", "_checkpoint", "_copy", "_check", "_describe", "_show", "_link", "sync_path", "_remove_old")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_an_end_at_any_step_leaves_the_old_generation_or_the_new_one(
    volume: DuckDBVolume, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    build(volume, 1)
    publish(volume, keep=2)
    build(volume, 2)
    with monkeypatch.context() as patch:
        patch.setattr(publishing, step, ending(getattr(publishing, step), when))
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # a killed process cleans nothing up
        with pytest.raises(Killed):
            publish(volume, keep=2)
    assert published_rows(volume) in (1, 2)
    publish(volume, keep=2)
    assert published_rows(volume) == 2
    assert not list(volume.root.rglob("*.tmp"))


def ending(function: Callable[..., object], when: str) -> Callable[..., object]:
    def replacement(*args: object, **kwargs: object) -> object:
        if when == "after":
            function(*args, **kwargs)
        raise Killed

    return replacement


def test_a_full_disk_is_noticed_before_anything_is_written(
    volume: DuckDBVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(volume, 1)
    publish(volume, keep=2)
    usage = shutil.disk_usage(volume.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1 << 20))
    with pytest.raises(PublishError, match=r"has 1 MiB free, publishing needs \d+ MiB; free some space"):
        publish(volume, keep=2)
    assert [generation.number for generation in list_generations(volume)] == [1]


def test_a_disk_that_fills_up_in_the_middle_leaves_no_half_generation(
    volume: DuckDBVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    build(volume, 1)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(PublishError, match=r"cannot write generation 1 in .*: No space left on device"):
        publish(volume, keep=2)
    assert list(volume.generations.iterdir()) == []
    assert current_generation(volume) is None


def test_a_write_ahead_log_that_stays_behind_is_refused(volume: DuckDBVolume, monkeypatch: pytest.MonkeyPatch) -> None:
    build(volume, 1)
    original = publishing._copy

    def copy_while_somebody_writes(source: Path, target: Path) -> None:
        source.with_name(source.name + ".wal").touch()
        original(source, target)

    monkeypatch.setattr(publishing, "_copy", copy_while_somebody_writes)
    with pytest.raises(PublishError, match="changed while it was copied: another program writes to it"):
        publish(volume, keep=2)
    assert current_generation(volume) is None


def test_a_check_of_the_callers_own_can_refuse(volume: DuckDBVolume) -> None:
    def refuse(connection: duckdb.DuckDBPyConnection) -> None:
        raise PublishError("sums do not agree")

    build(volume, 1)
    with pytest.raises(PublishError, match="sums do not agree"):
        publish(volume, keep=2, check=refuse)
    assert not volume.current.exists()


def test_a_view_that_another_file_name_would_break_is_noticed(volume: DuckDBVolume) -> None:
    build(volume, 1)
    with closing(connect(volume.work_database)) as connection:
        connection.execute("create table marts.gone as select 1 as n")
        connection.execute("create view marts.broken as select * from marts.gone")
        connection.execute("drop table marts.gone")
    with pytest.raises(PublishError, match=r"cannot be read: .*gone"):
        publish(volume, keep=2)


def test_there_is_nothing_to_publish_before_the_first_build(volume: DuckDBVolume) -> None:
    with pytest.raises(PublishError, match=r"expected a database at .*, found none; run the pipeline"):
        publish(volume, keep=2)
    volume.work_database.parent.mkdir(parents=True)
    connect(volume.work_database).close()
    with pytest.raises(PublishError, match="expected tables in schema marts"):
        publish(volume, keep=2)


def test_a_damaged_copy_is_not_published(volume: DuckDBVolume, monkeypatch: pytest.MonkeyPatch) -> None:
    build(volume, 200_000)
    original = publishing._copy

    def copy_badly(source: Path, target: Path) -> None:
        original(source, target)
        target.chmod(0o644)
        with target.open("r+b") as file:
            file.seek(target.stat().st_size // 2)
            file.write(os.urandom(4096))

    monkeypatch.setattr(publishing, "_copy", copy_badly)
    with pytest.raises(PublishError, match="cannot be read"):
        publish(volume, keep=2)
    assert not volume.current.exists()
