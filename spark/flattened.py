"""The tables of schema raw on Spark: the loader's own flattening, run by Spark's workers over the Iceberg tables.

They are views that last as long as the server, in the schema `global_temp`; what was flattened is kept on its disk.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from common.catalog import CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES
from loader.flatten import flatten
from loader.load import SHOWN_CHARACTERS
from loader.raw_schema import (
    ADDED_BY_THE_LOAD,
    CREATE_RAW,
    MASKED_SECRETS,
    RAW_COLUMNS,
    REJECTED_DOCUMENTS,
    REJECTED_VALUES,
    arrow_schema,
)
from spark.session import CATALOG

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SCHEDULER_TABLES = ("pipeline_runs", "pipeline_steps", "dbt_results", "plan_limits", "budget_inputs")
"""What the scheduler writes to the work database and not to Iceberg: small, and copied as it is."""

_PARTS: dict[str, pa.Schema] = {
    "conversations": arrow_schema(RAW_COLUMNS, without=ADDED_BY_THE_LOAD),
    "rejected_values": arrow_schema(REJECTED_VALUES),
    "rejected_documents": arrow_schema(REJECTED_DOCUMENTS, without=("rejected_at",)),
    "masked_secrets": arrow_schema(MASKED_SECRETS),
}
_ADDED = {
    "conversations": "1L as load_id, current_timestamp() as loaded_at",
    "rejected_documents": "current_timestamp() as rejected_at",
}
_SPARK_TYPES = {
    pa.string(): "string",
    pa.bool_(): "boolean",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.timestamp("us", "UTC"): "timestamp",
}
_DUCKDB_TYPES = {
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "DOUBLE": "double",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}


def create_views(session: "SparkSession", tool_output_limit: int, work_database: Path) -> None:
    """Create every table of schema raw as a view of this session and of all that connect to it."""
    rows = _flattened(session, tool_output_limit)
    for name in _PARTS:
        added = f", {_ADDED[name]}" if name in _ADDED else ""
        rows.where(f"`{name}` is not null").selectExpr(f"`{name}`.*").createOrReplaceTempView("part")
        session.sql(f"select *{added} from part").createOrReplaceGlobalTempView(name)
    _copy_side_tables(session)
    _copy_scheduler_tables(session, work_database)


def _flattened(session: "SparkSession", tool_output_limit: int) -> "DataFrame":
    """Return the newest version of each document, flattened: a row has one of the parts, the others are NULL."""
    table = f"{CATALOG}.{CONVERSATIONS}"
    documents = session.sql(
        f"select {table}.* from {table} join (select document_id, max(extracted_at) as extracted_at from {table} "
        f"group by document_id) as newest on {table}.document_id = newest.document_id "
        f"and {table}.extracted_at = newest.extracted_at"
    ).dropDuplicates(["document_id"])
    kept = documents.mapInArrow(lambda batches: _flatten_batches(batches, tool_output_limit), _row_type())
    from pyspark import StorageLevel  # noqa: PLC0415 - lies in .venv-spark alone

    return kept.persist(StorageLevel.DISK_ONLY)


def _row_type() -> str:
    """Return the type of a flattened row: a struct for each table."""
    return ", ".join(
        f"`{name}` struct<" + ", ".join(f"`{field.name}`: {_SPARK_TYPES[field.type]}" for field in schema) + ">"
        for name, schema in _PARTS.items()
    )


def _flatten_batches(batches: Iterator[pa.RecordBatch], tool_output_limit: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        found = flatten(pa.Table.from_batches([batch]), tool_output_limit)
        for name, table in zip(_PARTS, found, strict=True):
            for piece in table.combine_chunks().to_batches():
                yield _one_part(name, piece)


def _one_part(name: str, piece: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows that have this part alone."""
    columns = [
        pa.StructArray.from_arrays(piece.columns, fields=_nullable(schema))
        if part == name
        else pa.nulls(piece.num_rows, pa.struct(_nullable(schema)))
        for part, schema in _PARTS.items()
    ]
    return pa.RecordBatch.from_arrays(columns, names=list(_PARTS))


def _nullable(schema: pa.Schema) -> list[pa.Field]:
    return [field.with_nullable(True) for field in schema]


def _copy_side_tables(session: "SparkSession") -> None:
    letters, files = f"{CATALOG}.{DEAD_LETTERS}", f"{CATALOG}.{TRANSCRIPT_FILES}"
    session.table(letters).selectExpr(
        "document_id", "project_id", "source_file", "host", "byte_offset", "line_bytes", "reason",
        f"left(line, {SHOWN_CHARACTERS}) as line", "ingested_at",
    ).createOrReplaceGlobalTempView("dead_letters")  # fmt: skip
    session.table(files).drop("state", "error_detail").createOrReplaceGlobalTempView("transcript_files")
    session.sql(
        f"select 1L as load_id, current_timestamp() as loaded_at, count(*) as documents from {CATALOG}.{CONVERSATIONS}"
    ).createOrReplaceGlobalTempView("loads")


def _copy_scheduler_tables(session: "SparkSession", work_database: Path) -> None:
    """Copy what the scheduler told the work database; where there is none, the tables are empty."""
    with closing(duckdb.connect()) as connection:
        if work_database.exists():
            connection.execute(f"attach '{work_database}' as work (read_only)")
            connection.execute("use work")
        for statement in () if work_database.exists() else CREATE_RAW:
            connection.execute(statement)
        there = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
        for name in SCHEDULER_TABLES:
            if name in there:
                _copy(session, connection, name)


def _copy(session: "SparkSession", connection: duckdb.DuckDBPyConnection, name: str) -> None:
    described = connection.execute(f"describe raw.{name}").fetchall()
    schema = ", ".join(f"`{column[0]}` {_DUCKDB_TYPES[column[1]]}" for column in described)
    rows = connection.execute(f"from raw.{name}").fetchall()
    session.createDataFrame(rows, schema).createOrReplaceGlobalTempView(name)
