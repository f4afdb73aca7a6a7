"""Proves that nothing is left of forgotten data: in the record store, in Iceberg and in all our files.

Caches that contain a sample are deleted; any other file that contains one keeps the request open.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby
from operator import itemgetter

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from pyiceberg.catalog import Catalog
from pyiceberg.io.pyarrow import PyArrowFileIO

from common.catalog import CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES, open_table
from common.chunks import chunks
from common.duckdb_files import open_in_memory
from common.settings import Settings
from records import RecordStore
from records.layouts import read_layout
from records.sweep import all_lines, all_rejected
from vault.cleaning import search_files
from vault.search import Search, find_in_table, first_in

_AT_ONCE = 8 * 1024 * 1024
"""Bytes of the record store that are searched together; no sample has the line feed between two contents."""


def prove(
    settings: Settings, store: RecordStore, catalog: Catalog, samples: Sequence[str], *, only_ours: bool = False
) -> Search:
    """Search our files, the record store and, where they are not among our files, those of Iceberg."""
    done = search_files(settings, samples, only_ours=only_ours)
    done.found |= search_store(store, samples)
    if settings.iceberg_rest_uri:
        done.found |= search_tables(catalog, samples)
    return done


def search_store(store: RecordStore, samples: Sequence[str]) -> dict[str, str]:
    """Search all content of the record store; return what was found."""
    found: dict[str, str] = {}
    for name, contents in groupby(_contents(store), key=itemgetter(0)):
        for some in chunks((content for _, content in contents), _AT_ONCE, weight=len) if samples else ():
            if sample := first_in(b"\n".join(some), samples):
                found[name] = sample
    return found


def _contents(store: RecordStore) -> Iterator[tuple[str, bytes]]:
    """Yield all content of the record store as it returns it, independent of its pages and documents."""
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
    sample = first_in(content, samples)
    if sample or not path.endswith(".parquet"):
        return sample
    with closing(open_in_memory()) as connection:
        connection.register("rows", pq.read_table(pa.BufferReader(content)))
        return find_in_table(connection, "rows", samples)
