"""Counts the lines in the two copies of the history, to check that nothing was lost."""

from contextlib import closing
from dataclasses import dataclass

from common.catalog import CONVERSATIONS, DEAD_LETTERS, open_catalog, open_table
from common.paths import DataPaths
from common.settings import Settings
from loader.table_state import total_rows
from records import open_store


@dataclass(frozen=True)
class CopyCounts:
    """Lines and rejected lines in the record store and in Iceberg."""

    record_store: str
    lines: int
    rejected_lines: int
    iceberg_lines: int
    iceberg_rejected_lines: int

    @property
    def agree(self) -> bool:
        """Whether both counts are equal; if not, the next run adds the missing lines."""
        return (self.lines, self.rejected_lines) == (self.iceberg_lines, self.iceberg_rejected_lines)

    def __str__(self) -> str:
        store = f"{self.lines:,} lines and {self.rejected_lines:,} rejected in {self.record_store}"
        return f"{store}; {self.iceberg_lines:,} and {self.iceberg_rejected_lines:,} in Iceberg"


def count_copies(settings: Settings) -> CopyCounts:
    """Count both copies. Raises StoreError if the record store does not answer."""
    with closing(open_store(settings, attempts=1)) as store:
        counted = store.name, store.count(), store.count_rejected()
    if not settings.iceberg_rest_uri and not DataPaths.of(settings).iceberg.exists():
        return CopyCounts(*counted, 0, 0)  # opening the catalog would create it
    catalog = open_catalog(settings)
    tables = (open_table(catalog, name) for name in (CONVERSATIONS, DEAD_LETTERS))
    return CopyCounts(*counted, *map(total_rows, tables))
