"""Backups and restores that are killed, run out of disk or meet each other, as commands; and a whole history back."""

import json
import random
import resource
import shutil
import signal
import time
from contextlib import closing
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import duckdb
import pytest

import collector
from common.private_files import LEFT_OVER
from records.sqlite_store import SqliteStore
from records.store import EARLIEST
from tests.integration.collecting import write
from tests.integration.vault.conftest import Command
from tests.integration.vault.forked_command import answer_of, ended, start
from tests.integration.vault.histories import Built

VOLATILE = {"ingested_at", "first_ingested_at", "last_ingested_at", "extracted_at", "loaded_at", "load_id"}
OF_THE_RUN = {"fct_pipeline_runs", "fct_dbt_results"}
"""What tells of runs: one more has happened since."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with enough lines that a backup and a restore take a while. Only to be read."""
    data = tmp_path_factory.mktemp("large") / "data"
    line = b'{"type":"user","uuid":"%d-%d","sessionId":"s","message":{"role":"user","content":"%s"}}\n'
    chance = random.Random(16)
    for number in range(10):
        lines = [line % (number, position, chance.randbytes(1500).hex().encode()) for position in range(1200)]
        write(data.parent / f"projects/p/{number}.jsonl", b"".join(lines))
    with closing(SqliteStore(data / "records/records.db")) as store:
        collector.collect(store, data.parent / "projects", "laptop")
    return data


def killed(process: ForkProcess, sign: Path, seconds: float) -> bool:
    """Kill a process some time after it has begun to write; whether it was not done by then."""
    while not sign.exists() and process.is_alive():
        time.sleep(0.002)
    process.join(seconds)
    process.kill()
    process.join()
    if sign.is_file():
        sign.unlink()
    return process.exitcode == -signal.SIGKILL


def lines_of(data: Path) -> list[Any]:
    with closing(SqliteStore(data / "records/records.db")) as store:
        return sorted(store.read_after(EARLIEST), key=lambda line: line.line_id)


def left_overs(folder: Path) -> list[Path]:
    return list(folder.rglob(f"{LEFT_OVER}*"))


def test_a_backup_killed_anywhere_counts_for_nothing_and_the_next_one_is_whole(large: Path, tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    chance, kills = random.Random(1), 0
    for _ in range(8):
        process = start("backup", "--full", "--to", backups, "--data", large, cwd=tmp_path)
        kills += killed(process, backups / ".lock", chance.uniform(0, 1.0))
        for manifest in (backups / "backups").glob("*.json"):
            for part in json.loads(manifest.read_text())["parts"]:
                assert (backups / part["name"]).stat().st_size == part["bytes"]
    assert kills > 0
    (backups / f"{LEFT_OVER}killed").write_bytes(b"half a part")
    assert ended(start("backup", "--to", backups, "--data", large, cwd=tmp_path)) == 0
    assert left_overs(backups) == []
    needed = {
        part["name"]
        for manifest in (backups / "backups").glob("*.json")
        for part in json.loads(manifest.read_text())["parts"]
    }
    assert {path.relative_to(backups).as_posix() for path in (backups / "parts").rglob("*") if path.is_file()} == needed
    assert ended(start("restore", backups, "--data", tmp_path / "back", cwd=tmp_path)) == 0
    assert lines_of(tmp_path / "back") == lines_of(large)


def test_a_restore_killed_anywhere_leaves_nothing_and_the_next_one_is_whole(large: Path, tmp_path: Path) -> None:
    backups, back = tmp_path / "backups", tmp_path / "back"
    assert ended(start("backup", "--to", backups, "--data", large, cwd=tmp_path)) == 0
    chance, kills = random.Random(2), 0
    for _ in range(8):
        process = start("restore", backups, "--data", back, cwd=tmp_path)
        kills += killed(process, tmp_path / ".back.restoring", chance.uniform(0, 1.0))
        if back.exists():  # it had ended, or was killed after its last step
            assert lines_of(back) == lines_of(large)
            shutil.rmtree(back)
    assert kills > 0
    assert ended(start("restore", backups, "--data", back, cwd=tmp_path)) == 0
    assert lines_of(back) == lines_of(large)
    assert {path.name for path in tmp_path.iterdir()} == {"backups", "back"}, "what the killed ones left is gone"


def small_files() -> None:
    """Limit the size of files, because a write then fails as it does on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * 2**20, 2 * 2**20))


def test_a_full_disk_is_one_line_and_costs_no_backup(large: Path, tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    assert ended(start("backup", "--to", backups, "--data", large, cwd=tmp_path)) == 0
    before = {path: path.read_bytes() for path in backups.rglob("*") if path.is_file()}
    failed, said = answer_of("backup", "--full", "--to", backups, "--data", large, cwd=tmp_path, limit=small_files)
    assert failed == 1
    assert said.count("\n") == 1
    assert "check that its disk has space" in said
    assert {path: path.read_bytes() for path in backups.rglob("*") if path.is_file()} == before
    failed, said = answer_of("restore", backups, "--data", tmp_path / "back", cwd=tmp_path, limit=small_files)
    assert failed == 1
    assert said.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"backups"}


def marts(data: Path) -> dict[str, list[Any]]:
    """Every row of every mart, but for the moments of the pipeline's own work."""
    found: dict[str, list[Any]] = {}
    with closing(duckdb.connect(str((data / "duckdb/analytics.db").resolve()), read_only=True)) as connection:
        tables = connection.execute(
            "select table_name, list(column_name order by column_index) from duckdb_columns()"
            " where schema_name = 'marts' group by 1"
        ).fetchall()
        for table, columns in tables:
            kept = ", ".join(f'"{column}"' for column in columns if column not in VOLATILE)
            found[table] = connection.execute(f"select {kept} from marts.{table} order by all").fetchall()
    return found


def test_after_the_original_is_destroyed_every_row_is_back(analytics: Command, built: Built, tmp_path: Path) -> None:
    """Transcripts, data directory and all: only the backup is left."""
    data, backups = tmp_path / "data", tmp_path / "backups"
    (tmp_path / ".env").write_text("KEEP_GENERATIONS=2\n")
    projects = tmp_path / "projects"
    shutil.copytree(built.projects, projects)
    shutil.copytree(built.data, data, symlinks=True)
    here = {"TRANSCRIPTS_DIR": str(projects), "BACKUP_TO": str(backups), "BACKUP_PASSPHRASE": "correct horse"}
    made = analytics("backup", "--data", data, **here)
    assert made.returncode == 0, made.stderr
    assert "correct horse" not in made.stdout + made.stderr
    before = marts(data)
    shutil.rmtree(data)
    for file in projects.rglob("*.jsonl"):
        file.unlink()
    (tmp_path / ".env").unlink()
    restored = analytics("restore", backups, "--data", data, **here)
    assert restored.returncode == 0, restored.stderr
    assert "Restored and read back:" in restored.stdout
    assert "It took" in restored.stdout
    assert (data / "restored/settings/env").read_text() == "KEEP_GENERATIONS=2\n"
    assert analytics("run", "--data", data, **here).returncode == 0
    after = marts(data)
    assert after.keys() == before.keys()
    changed = {table for table in before if after[table] != before[table]}
    assert changed <= OF_THE_RUN | {"agg_data_quality"}
    assert sum(map(len, before.values())) > 500
    runs = analytics("runs", "--data", data, **here).stdout
    assert runs.count("pipeline") == 3, "the runs before the loss are in the history"


def test_a_wrong_passphrase_and_wrong_use_are_one_line(analytics: Command, tmp_path: Path) -> None:
    place = {"BACKUP_TO": str(tmp_path / "backups")}
    assert analytics("backup", "--data", tmp_path / "data", BACKUP_PASSPHRASE="right", **place).returncode == 0
    wrong = analytics("restore", tmp_path / "backups", "--data", tmp_path / "to", BACKUP_PASSPHRASE="no-such-secret")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert "the passphrase does not open key.age" in wrong.stderr
    assert "no-such-secret" not in wrong.stderr
    assert analytics("restore", tmp_path / "nothing", "--data", tmp_path / "to").returncode == 1
    for arguments in ([], ["x", "--session", "y", "--to", "z"], ["--session", "y"], ["--all", "--project", "p"]):
        assert analytics("restore", *arguments).returncode == 2
    assert analytics("backup", "--data", tmp_path / "data").returncode == 2
    verified = analytics("backup", "verify", **place)
    assert (verified.returncode, "contents not checked without the key" in verified.stdout) == (0, True)


def test_a_transcript_is_given_back_by_command(analytics: Command, vault_sample: Path, tmp_path: Path) -> None:
    transcripts = vault_sample
    with closing(SqliteStore(tmp_path / "data/records/records.db")) as store:
        collector.collect(store, transcripts, "laptop")
    file = max(transcripts.rglob("*.jsonl"), key=lambda path: path.stat().st_size)
    answer = analytics("restore", "--session", file.stem, "--to", tmp_path / "claude", "--data", tmp_path / "data")
    assert answer.returncode == 0, answer.stderr
    back = tmp_path / "claude" / "projects" / file.relative_to(transcripts)
    assert back.read_bytes() == file.read_bytes()
    assert back.stat().st_mtime_ns == file.stat().st_mtime_ns
