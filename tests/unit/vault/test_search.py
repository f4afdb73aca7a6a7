"""A search finds a sample in whatever way a file of ours holds it, and in no file that does not."""

import base64
import gzip
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vault.search
from vault.search import not_in, search
from vault.selection import MOST_TEXTS, Sampler

SAMPLE = "the quick brown fox jumps over 2026"
WITHIN = f"before {SAMPLE} after"


def _plain(folder: Path) -> None:
    (folder / "a.log").write_text(WITHIN, encoding="utf-8")


def _parquet(folder: Path) -> None:
    table = pa.table({"n": [1, 2], "text": [None, WITHIN]})
    pq.write_table(table, folder / "a.parquet", compression="zstd")


def _binary_parquet(folder: Path) -> None:
    pq.write_table(pa.table({"raw": [b"\xff" + WITHIN.encode()]}), folder / "a.parquet", compression="zstd")


def _duckdb(folder: Path) -> None:
    with duckdb.connect(folder / "a.db") as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.t as select range as n, repeat('x', 50) as text from range(100000)")
        connection.execute("insert into marts.t values (1, ?)", [WITHIN])
        connection.execute("create table u as select [{'a': ?}] as nested", [WITHIN])


def _packed(folder: Path) -> None:
    packed = base64.b64encode(gzip.compress(WITHIN.encode())).decode()
    (folder / "a.js").write_text(f'// x\nreceiveClaudeAnalytics("a","{packed}");\n', encoding="ascii")


def _gzip(folder: Path) -> None:
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(WITHIN.encode()))


@pytest.mark.parametrize("write", [_plain, _parquet, _binary_parquet, _duckdb, _packed, _gzip])
def test_a_sample_is_found_in_every_kind_of_file(write: object, tmp_path: Path) -> None:
    assert callable(write)
    write(tmp_path)
    (file,) = tmp_path.iterdir()
    assert search([tmp_path], ["something else", SAMPLE]).found == {str(file.resolve()): SAMPLE}
    assert search([tmp_path], ["something else entirely"]).found == {}
    assert search([tmp_path], [SAMPLE], leave_out=[tmp_path]).found == {}


def test_a_sample_across_two_pieces_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault.search, "_PIECE", 64)
    for offset in range(30, 70):
        (tmp_path / "a.log").write_bytes(b"." * offset + SAMPLE.encode() + b"." * 200)
        assert search([tmp_path], [SAMPLE]).found, offset


def test_a_file_that_is_linked_to_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("nothing", encoding="utf-8")
    (tmp_path / "b").symlink_to("a")
    done = search([tmp_path, tmp_path], [SAMPLE])
    assert (done.files, done.describe()) == (1, "searched for 1 samples in 1 files of 0.0 MiB: nothing found")


def test_base64_of_something_else_ends_no_search(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(f'x="{"A" * 101}" {SAMPLE}', encoding="ascii")
    assert search([tmp_path], [SAMPLE]).found


def test_samples_of_many_batches_are_of_all_of_them() -> None:
    texts: list[str] = []
    for batch in range(200):
        sampler = Sampler()
        for number in range(500):
            sampler.add(f"{batch:03} is the batch of the line {number:03}".encode())
        texts = Sampler.few([*texts, *sampler.texts()])
    assert len(texts) == MOST_TEXTS
    assert len({text[:3] for text in texts}) > MOST_TEXTS / 2
    assert min(int(text[:3]) for text in texts) < 40


def test_what_stands_in_a_file_is_left_out_of_the_samples() -> None:
    samples = ["a sentence that is quoted", "one that is not quoted", "another (quoted) one."]
    assert not_in(b"a sentence that is quoted\xff, and another (quoted) one.", samples) == ["one that is not quoted"]
