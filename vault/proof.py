"""Proves that nothing is left of what was forgotten: in the record store, in Iceberg and in every file of ours.

What only speeds up the next run is deleted where it holds a sample; what else holds one keeps the request open.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from pyiceberg.catalog import Catalog
from pyiceberg.io.pyarrow import PyArrowFileIO

from common.catalog import CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES, open_table
from common.paths import DataPaths
from common.private_files import replace_file
from common.settings import Settings
from records import RecordStore
from records.layouts import read_layout
from records.sweep import all_lines, all_rejected
from vault.forget import SAMPLES
from vault.search import Search, find_in, search

_DISPOSABLE = ("logs", "cache", "dbt")
"""Folders of the data directory: logs, and what is made again."""


def prove(settings: Settings, store: RecordStore, catalog: Catalog, samples: Sequence[str]) -> Search:
    """Delete what may be deleted, then search everything that is ours; return what was searched and found."""
    paths = DataPaths.of(settings)
    roots = [paths.root, paths.duckdb.root, *([settings.scheduler_dir] if settings.scheduler_dir else [])]
    done = search(roots, samples, _not_ours(settings))
    done.found = {name: found for name, found in done.found.items() if not _cleaned(Path(name), paths, samples)}
    for name, content in _contents(store):
        if found := next((sample for sample in samples if sample.encode() in content), None):
            done.found[name] = found
    if settings.iceberg_rest_uri:
        done.found |= search_tables(catalog, samples)
    return done


def _not_ours(settings: Settings) -> list[Path]:
    """Return what is left as it is: transcripts, sums of closed months, a person's own file, backups, the samples."""
    paths = DataPaths.of(settings)
    kept = [*settings.transcripts_dir, paths.statements, paths.cost_centres, paths.valid_cost_centres]
    backups = [Path(settings.backup_to).expanduser()] if settings.backup_to and "://" not in settings.backup_to else []
    return [*kept, *backups, paths.root / SAMPLES]


def _cleaned(path: Path, paths: DataPaths, samples: Sequence[str]) -> bool:
    """Delete a file that can be spared, or a line of one; tell whether no sample is left in it."""
    if any(path.is_relative_to(paths.root.resolve() / folder) for folder in _DISPOSABLE):
        path.unlink()
        return True
    if path == paths.git_remotes.resolve():
        lines = path.read_bytes().splitlines(keepends=True)
        wanted = [sample.encode() for sample in samples]
        replace_file(path, b"".join(line for line in lines if not any(sample in line for sample in wanted)))
    return find_in(path, samples) is None


def _contents(store: RecordStore) -> Iterator[tuple[str, bytes]]:
    """Yield all that the record store holds as it gives it back, whatever pages and documents it is spread over."""
    for line in all_lines(store):
        yield f"{store.name}: a line", line.content
    for rejected in all_rejected(store):
        yield f"{store.name}: a rejected line", rejected.raw
    for state in store.all_states():
        yield f"{store.name}: a file's state", state.source_file.encode("utf-8", "replace")
    for part in store.all_layouts():
        layout = read_layout([part])
        yield f"{store.name}: a file's layout", b"".join([*layout.gaps.values(), layout.whole or b""])


def search_tables(catalog: Catalog, samples: Sequence[str]) -> dict[str, str]:
    """Search every file below the locations of the tables, those of no snapshot included; return what was found."""
    found = {}
    for name in (CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES):
        table = open_table(catalog, name)
        assert isinstance(table.io, PyArrowFileIO)  # the only one that open_catalog asks for
        scheme, netloc, root = PyArrowFileIO.parse_location(table.location())
        files = table.io.fs_by_scheme(scheme, netloc)
        for info in files.get_file_info(pafs.FileSelector(root, allow_not_found=True, recursive=True)):
            if info.type != pafs.FileType.File:
                continue
            content = files.open_input_file(info.path).read()
            if sample := _find_in_content(info.path, content, samples):
                found[info.path] = sample
    return found


def _find_in_content(path: str, content: bytes, samples: Sequence[str]) -> str | None:
    sample = next((sample for sample in samples if sample.encode() in content), None)
    if sample or not path.endswith(".parquet"):
        return sample
    rows = pq.read_table(pa.BufferReader(content))
    held = "select sample from (select unnest($1::varchar[]) as sample), rows as t where contains(t::varchar, sample)"
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        row = connection.execute(f"{held} limit 1", [list(samples)]).fetchone()
    return row[0] if row else None
