"""Searches every byte of our files for samples of what was removed: as they are, unpacked, and row by row.

A database compresses its content, so its bytes alone would prove little: Parquet and DuckDB files are read as well,
within DuckDB's default memory limit.
"""

import base64
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from common.duckdb_files import open_in_memory, open_read_only

_PIECE = 8 * 1024 * 1024
_PACKED = re.compile(rb'"([A-Za-z0-9+/]{64,}={0,2})"')
"""A value of a file beside the report, or in it: gzip in base64."""
_DUCKDB = b"DUCK"


@dataclass
class Search:
    """What was searched, and what was found."""

    samples: int
    files: int = 0
    bytes: int = 0
    found: dict[str, str] = field(default_factory=dict)
    """Files that hold a sample, and which."""
    elsewhere: list[str] = field(default_factory=list)
    """Files that hold one and that no step writes, where that keeps nothing open."""

    def describe(self) -> str:
        """Say in one line what was searched and that nothing was found."""
        looked = f"{self.samples} samples in {self.files:,} files of {self.bytes / 2**20:,.1f} MiB"
        others = f"; not written by us, and left unchanged: {', '.join(self.elsewhere[:5])}" if self.elsewhere else ""
        return f"searched for {looked}: {len(self.found) or 'nothing'} found{others}"


def search(roots: Sequence[Path], samples: Sequence[str], leave_out: Sequence[Path] = ()) -> Search:
    """Search every file below these folders, but for what is to be left out; each file once, by its own name."""
    done = Search(len(samples))
    if not samples:
        return done
    seen: set[tuple[int, int]] = set()
    for path in _files(roots, leave_out):
        stat = path.stat()
        if (stat.st_dev, stat.st_ino) in seen:
            continue
        seen.add((stat.st_dev, stat.st_ino))
        done.files, done.bytes = done.files + 1, done.bytes + stat.st_size
        if (sample := find_in(path, samples)) is not None:
            done.found[str(path)] = sample
    return done


def _files(roots: Sequence[Path], leave_out: Sequence[Path]) -> Iterator[Path]:
    left_out = [path.resolve() for path in leave_out]
    for root in dict.fromkeys(root.resolve() for root in roots):
        for path in sorted(root.rglob("*")):
            real = path.resolve()
            if path.is_file() and not any(real == out or out in real.parents for out in left_out):
                yield path


def find_in(path: Path, samples: Sequence[str]) -> str | None:
    """Return a sample that a file holds, in whatever way; None where it holds none."""
    found = _find_in_bytes(path, samples)
    if found is None and path.suffix == ".parquet":
        found = find_in_parquet(str(path), samples)
    elif found is None and path.suffix == ".db" and _is_duckdb(path):
        found = _find_in_database(path, samples)
    return found


def _find_in_bytes(path: Path, samples: Sequence[str]) -> str | None:
    with path.open("rb") as file:
        before, overlap = b"", max(len(sample.encode()) for sample in samples)
        while piece := file.read(_PIECE):
            if sample := first_in(before + piece, samples):
                return sample
            before = piece[-overlap:]
    unpacked = _unpack(path) if path.suffix in {".js", ".html", ".gz"} else iter(())
    return next((sample for content in unpacked if (sample := first_in(content, samples))), None)


def first_in(content: bytes, samples: Sequence[str]) -> str | None:
    """Return a sample that these bytes contain. One pass looks for all of them."""
    held = pc.match_substring_regex(pa.array([content], pa.large_binary()), pattern=_any_of(tuple(samples)))
    return next(sample for sample in samples if sample.encode() in content) if held[0].as_py() else None


def not_in(content: bytes, samples: Sequence[str]) -> list[str]:
    """Return the samples that do not stand in these bytes."""
    left = list(samples)
    while left and first_in(content, left):
        left = [sample for sample in left if sample.encode() not in content]
    return left


@lru_cache(maxsize=1)
def _any_of(samples: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, samples))


def _unpack(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    for packed in [content] if path.suffix == ".gz" else _PACKED.findall(content):
        try:
            yield gzip.decompress(packed if path.suffix == ".gz" else base64.b64decode(packed))
        except (ValueError, OSError, EOFError, zlib.error):  # of something else, whose bytes were looked at already
            continue


def _is_duckdb(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(12)[8:] == _DUCKDB


def _find_in_database(path: Path, samples: Sequence[str]) -> str | None:
    with closing(open_read_only(path)) as connection:
        tables = "select schema_name, table_name from duckdb_tables() where not internal order by all"
        for schema, table in connection.execute(tables).fetchall():
            if found := find_in_table(connection, f'"{schema}"."{table}"', samples):
                return found
    return None


def find_in_parquet(path: str, samples: Sequence[str]) -> str | None:
    """Return a sample that a row of a Parquet file holds."""
    with closing(open_in_memory()) as connection:
        return find_in_table(connection, f"read_parquet('{path.replace(chr(39), chr(39) * 2)}')", samples)


def find_in_table(connection: duckdb.DuckDBPyConnection, table: str, samples: Sequence[str]) -> str | None:
    """Return a sample that a value of this table holds, whatever its type.

    A row's values are searched as one text: DuckDB prepares the pattern for each place where a query has it.
    """
    names = [row[0].replace('"', '""') for row in connection.execute(f"describe from {table}").fetchall()]
    values = ", ".join(f'cast("{name}" as varchar)' for name in names)
    rows = f"select concat_ws(chr(10), {values}) as row_text from {table}"
    query = f"select regexp_extract(row_text, $1) from ({rows}) where regexp_matches(row_text, $1) limit 1"
    row = connection.execute(query, [_any_of(tuple(samples))]).fetchone()
    return str(row[0]) if row else None
