"""Documents as a batch of the Iceberg table, flattened without a store."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa

from loader.flatten import Flattened, flatten

TIMESTAMP = pa.timestamp("us", "UTC")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def incoming(*documents: Any) -> pa.Table:
    """Return documents as a batch; a string is the document's own text. Their ids are their positions."""
    return batch_of(
        [document if isinstance(document, str) else orjson.dumps(document).decode() for document in documents]
    )


def batch_of(texts: Sequence[str]) -> pa.Table:
    """Return texts as a batch of a table that was made before it had byte_offset."""
    count = len(texts)
    return pa.table(
        {
            "document_id": pa.array([str(position) for position in range(count)], pa.string()),
            "project_id": pa.array(["p"] * count, pa.string()),
            "source_file": pa.array(["p/s.jsonl"] * count, pa.string()),
            "host": pa.array(["h"] * count, pa.string()),
            "ingested_at": pa.array([MOMENT] * count, TIMESTAMP),
            "extracted_at": pa.array([MOMENT] * count, TIMESTAMP),
            "document": pa.array(texts, pa.string()),
        }
    )


def flattened(*documents: Any, tool_output_limit: int = 2000) -> Flattened:
    """Return what documents become."""
    return flatten(incoming(*documents), tool_output_limit)


def rows_of(*documents: Any, tool_output_limit: int = 2000) -> list[dict[str, Any]]:
    """Return the rows of raw.conversations that documents become."""
    rows: list[dict[str, Any]] = flattened(*documents, tool_output_limit=tool_output_limit).conversations.to_pylist()
    return rows


def rejected(*documents: Any) -> list[tuple[str, str, str]]:
    """Return field, kind and found of each value that was rejected."""
    values = flattened(*documents).rejected_values.to_pylist()
    return [(value["field"], value["kind"], value["found"]) for value in values]
