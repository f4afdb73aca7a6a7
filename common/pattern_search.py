"""Searches bytes for many regular expressions in one pass, with Vectorscan: two gigabytes a second.

Compiling hundreds of expressions takes seconds, so the compiled database is cached in a folder if there is one. If the
cache cannot be read, because it is damaged or from another kind of machine, the expressions are compiled again.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, cast

from common.private_files import replace_file

if TYPE_CHECKING:
    from hyperscan import Database


class PatternSearch:
    """Finds where expressions match; they are compiled or loaded at the first search."""

    def __init__(self, expressions: Sequence[str], folder: Path | None = None) -> None:
        self._expressions, self._folder = [expression.encode() for expression in expressions], folder
        self._lock = Lock()  # a search needs memory that belongs to the database

    def search(self, content: bytes | memoryview, found: Callable[[int, int], None]) -> None:
        """Call `found` with an expression's index and the offset at which a match ends, for each end of a match."""
        with self._lock:
            buffer = cast("bytes", content)  # its type hints allow no other buffer
            self._database.scan(buffer, match_event_handler=lambda index, start, end, *_: found(index, end))

    @cached_property
    def _database(self) -> "Database":
        if self._folder is None:
            return self._compiled()
        name = hashlib.sha256(repr((version("hyperscan"), self._expressions)).encode()).hexdigest()[:16]
        path = self._folder / f"{name}.patterns"
        return self._stored(path) or self._store(path)

    def _compiled(self) -> "Database":
        import hyperscan  # noqa: PLC0415 (most commands search for nothing)

        count = len(self._expressions)
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(expressions=self._expressions, ids=list(range(count)), elements=count, flags=[0] * count)
        return database

    def _stored(self, path: Path) -> "Database | None":
        import hyperscan  # noqa: PLC0415 (as above)

        try:
            database = hyperscan.loadb(path.read_bytes(), hyperscan.HS_MODE_BLOCK)
            database.scratch = hyperscan.Scratch(database)
        except (OSError, hyperscan.error):
            return None
        return database

    def _store(self, path: Path) -> "Database":
        import hyperscan  # noqa: PLC0415 (as above)

        database = self._compiled()
        replace_file(path, hyperscan.dumpb(database))
        return database
