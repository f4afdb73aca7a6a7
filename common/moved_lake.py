"""Handles a data directory that was moved or copied: the catalog and Iceberg's files contain absolute paths.

Such a table is registered again with the same columns and one snapshot that has the data files' new paths. The old
location is neither read nor written: a copy shares nothing with its original.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO
from pyiceberg.manifest import DataFile
from pyiceberg.serializers import ToOutputFile
from pyiceberg.table import StaticTable
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from common.errors import AnalyticsError
from common.extract_progress import progress_properties

log = structlog.get_logger()


class _Moved(PyArrowFileIO):
    """Opens files by their old paths."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__()
        self._old, self._new = old, new

    def here(self, location: str) -> str:
        """Return the current path of a table's file."""
        return self._new + location.removeprefix(self._old) if location.startswith(f"{self._old}/") else location

    def new_input(self, location: str) -> PyArrowFile:
        return super().new_input(self.here(location))


def bring_home(catalog: SqlCatalog, warehouse: Path) -> None:
    """Make the catalog point to tables below `warehouse`; one query if it already does.

    Raises AnalyticsError if the files of a table were left behind.
    """
    with Session(catalog.engine) as session:
        tables = session.scalars(select(IcebergTables).where(IcebergTables.catalog_name == catalog.name)).all()
    for table in tables:
        if table.metadata_location and not _is_below(table.metadata_location, warehouse):
            _bring_home(catalog, table, warehouse / table.table_namespace / table.table_name)


def _is_below(location: str, warehouse: Path) -> bool:
    """Return whether a file is in the folder, also if one of the paths goes through a symbolic link."""
    return location.startswith(f"{warehouse}{os.sep}") or Path(location).resolve().is_relative_to(warehouse.resolve())


def _bring_home(catalog: SqlCatalog, table: Any, folder: Path) -> None:
    name, left = f"{table.table_namespace}.{table.table_name}", table.metadata_location
    metadata = folder / "metadata" / Path(left).name
    if not metadata.exists():
        raise AnalyticsError(
            f"expected {metadata}, for {name} was moved here from {left}, found nothing; move the whole data directory,"
            f" or delete {folder.parent.parent.parent}: the next run rebuilds it from the record store"
        )
    here = _registered_again(StaticTable.from_metadata(str(metadata)), name, folder)
    # One statement: if two processes do this at the same time, only the first changes the row.
    with Session(catalog.engine) as session:
        session.execute(
            update(IcebergTables)
            .where(
                IcebergTables.catalog_name == catalog.name,
                IcebergTables.table_namespace == table.table_namespace,
                IcebergTables.table_name == table.table_name,
                IcebergTables.metadata_location == left,
            )
            .values(metadata_location=here, previous_metadata_location=None)
        )
        session.commit()
    log.info("catalog.table_moved", table=name, left=left, here=here)


def _registered_again(old: StaticTable, name: str, folder: Path) -> str:
    """Return the metadata of a new table in `folder` with the old one's rows, columns and progress."""
    files = list(_files(old, str(folder)))
    empty = old.metadata.model_copy(
        update={
            "location": str(folder),
            "current_snapshot_id": None,
            "refs": {},
            "snapshots": [],
            "snapshot_log": [],
            "metadata_log": [],
            "statistics": [],
            "partition_statistics": [],
        }
    )
    first = folder / "metadata" / f"00000-{uuid4()}.metadata.json"
    ToOutputFile.table_metadata(empty, PyArrowFileIO().new_output(str(first)))
    beside = SqlCatalog("beside", uri="sqlite://", warehouse=str(folder.parent.parent))
    beside.create_namespace(name.split(".", maxsplit=1)[0])
    table = beside.register_table(name, str(first))
    with (
        table.transaction() as transaction,
        transaction.update_snapshot(snapshot_properties=progress_properties(old)).fast_append() as snapshot,
    ):
        for file in files:
            snapshot.append_data_file(file)
    return table.metadata_location


def _files(old: StaticTable, folder: str) -> Iterator[DataFile]:
    old.io = moved = _Moved(old.location(), folder)
    for task in old.scan().plan_files():
        task.file[1] = moved.here(task.file.file_path)
        yield task.file
