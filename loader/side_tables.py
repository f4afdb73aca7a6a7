"""The collector's own records, copied whole to Iceberg when they changed: lines set aside, and the state of each file.

They are small beside the conversations, so each change overwrites the table in one commit.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pymongo.database import Database

from common.catalog import DEAD_LETTERS, TRANSCRIPT_FILES, open_table
from loader.iceberg_rows import CODEC, document_id

DIGEST = "claude-analytics.digest"

_FIELDS = {
    DEAD_LETTERS: ("dead_letters", {"document_id": "_id"}),
    TRANSCRIPT_FILES: ("transcript_files", {}),
}
_VOLATILE = ("collected_at",)
"""Changes with every look of the collector and tells nothing new by itself."""


def copy_side_tables(database: Database[Any], catalog: Catalog) -> None:
    """Make both Iceberg tables equal to their MongoDB collections; a table that is equal gets no new snapshot."""
    for name, (collection, renamed) in _FIELDS.items():
        table = open_table(catalog, name)
        schema = table.schema().as_arrow()
        documents = database[collection].with_options(codec_options=CODEC).find()
        rows = sorted(_rows(documents, schema, renamed), key=lambda row: orjson.dumps(row, default=str))
        digest = _digest(rows)
        snapshot = table.current_snapshot()
        properties = snapshot.summary.additional_properties if snapshot and snapshot.summary else {}
        if properties.get(DIGEST) != digest and (rows or snapshot):
            write = table.overwrite if snapshot else table.append
            write(pa.Table.from_pylist(rows, schema=schema), snapshot_properties={DIGEST: digest})


def _rows(documents: Any, schema: pa.Schema, renamed: dict[str, str]) -> Iterator[dict[str, Any]]:
    for document in documents:
        names = {field.name: renamed.get(field.name, _camel(field.name)) for field in schema}
        yield {field.name: _value(document.get(names[field.name]), field.type) for field in schema}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _value(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_timestamp(kind):
        return value.astimezone(UTC) if isinstance(value, datetime) else None
    if pa.types.is_integer(kind):
        return int(value)
    return value if isinstance(value, str) else document_id(value)


def _digest(rows: list[dict[str, Any]]) -> str:
    stable = [{key: value for key, value in row.items() if key not in _VOLATILE} for row in rows]
    return hashlib.sha256(orjson.dumps(stable)).hexdigest()
