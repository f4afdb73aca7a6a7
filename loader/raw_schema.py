"""The tables of schema `raw` in DuckDB. What each column means is described beside the dbt source."""

from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa

from common.duckdb_files import open_work_database

RAW_COLUMNS: dict[str, str] = {
    "conversation_id": "varchar not null",
    "document_id": "varchar not null",
    "block_index": "integer not null",
    "block_count": "integer not null",
    "load_id": "bigint not null",
    "project_id": "varchar",
    "source_file": "varchar",
    "host": "varchar",
    "byte_offset": "bigint",
    "session_id": "varchar",
    "line_type": "varchar",
    "subtype": "varchar",
    "message_type": "varchar",
    "is_progress": "boolean",
    "uuid": "varchar",
    "parent_uuid": "varchar",
    "logical_parent_uuid": "varchar",
    "forked_from_session_id": "varchar",
    "forked_from_uuid": "varchar",
    "request_id": "varchar",
    "message_id": "varchar",
    "agent_id": "varchar",
    "parent_tool_use_id": "varchar",
    "event_at": "timestamptz",
    "cwd": "varchar",
    "git_branch": "varchar",
    "version": "varchar",
    "entrypoint": "varchar",
    "user_type": "varchar",
    "permission_mode": "varchar",
    "prompt_source": "varchar",
    "origin_kind": "varchar",
    "command_mode": "varchar",
    "attribution_agent": "varchar",
    "attribution_skill": "varchar",
    "attribution_plugin": "varchar",
    "is_sidechain": "boolean",
    "is_meta": "boolean",
    "is_compact_summary": "boolean",
    "is_api_error": "boolean",
    "is_visible_in_transcript_only": "boolean",
    "has_plan_content": "boolean",
    "error_kind": "varchar",
    "api_error_status": "integer",
    "role": "varchar",
    "model": "varchar",
    "stop_reason": "varchar",
    "usage": "json",
    "input_tokens": "bigint",
    "output_tokens": "bigint",
    "cache_read_tokens": "bigint",
    "cache_creation_tokens": "bigint",
    "cache_creation_5m_tokens": "bigint",
    "cache_creation_1h_tokens": "bigint",
    "web_search_requests": "bigint",
    "web_fetch_requests": "bigint",
    "service_tier": "varchar",
    "speed": "varchar",
    "inference_geo": "varchar",
    "block_type": "varchar",
    "block_text": "varchar",
    "tool_use_id": "varchar",
    "tool_name": "varchar",
    "tool_input": "json",
    "tool_input_length": "bigint",
    "tool_input_lines": "integer",
    "tool_result_text": "varchar",
    "tool_result_length": "bigint",
    "tool_result_rest": "varchar",
    "is_error": "boolean",
    "tool_denial_kind": "varchar",
    "result_kind": "varchar",
    "result_type": "varchar",
    "result_file_path": "varchar",
    "result_lines_added": "integer",
    "result_lines_removed": "integer",
    "result_content_lines": "integer",
    "result_agent_id": "varchar",
    "result_agent_type": "varchar",
    "result_interrupted": "boolean",
    "result_background_task_id": "varchar",
    "result_git_operation": "json",
    "result_duration_ms": "bigint",
    "result_total_tokens": "bigint",
    "result_tool_use_count": "bigint",
    "result_status": "varchar",
    "result_search_count": "bigint",
    "reported_cost_usd": "double",
    "reported_model_usage": "json",
    "attributes": "json",
    "kept_facts": "json",
    "ingested_at": "timestamptz",
    "extracted_at": "timestamptz",
    "loaded_at": "timestamptz",
}
"""Columns of raw.conversations and their DuckDB types: one row per content block of one line."""

ADDED_BY_THE_LOAD = ("load_id", "loaded_at")

LONG_TEXTS = frozenset(
    {"block_text", "tool_result_text", "tool_result_rest", "tool_input", "usage", "attributes", "kept_facts"}
)
"""Columns whose texts may be long, each NULL in most rows. They are compressed with ZSTD, otherwise DuckDB
rereads a text of more than 4 KB for every NULL after it, and a prompt of 1 MB fills 4 GB of memory."""

_ARROW_TYPES = {
    "varchar": pa.string(),
    "json": pa.string(),
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "timestamptz": pa.timestamp("us", "UTC"),
}

REJECTED_VALUES: dict[str, str] = {
    "document_id": "varchar not null",
    "field": "varchar not null",
    "kind": "varchar not null",
    "found": "varchar",
}
"""Columns of raw.rejected_values: one row per unusable value of a line."""

MASKED_SECRETS: dict[str, str] = {
    "document_id": "varchar not null",
    "kind": "varchar not null",
    "fingerprint": "varchar not null",
    "place": "varchar not null",
    "occurrences": "integer not null",
}
"""Columns of raw.masked_secrets: one row per masked secret and place of a line."""

REJECTED_DOCUMENTS: dict[str, str] = {
    "document_id": "varchar not null",
    "project_id": "varchar",
    "source_file": "varchar",
    "host": "varchar",
    "byte_offset": "bigint",
    "reason": "varchar not null",
    "is_reduced": "boolean",
    "extracted_at": "timestamptz",
    "rejected_at": "timestamptz not null",
}
"""Columns of raw.rejected_documents: one row per line that could not be flattened and has no rows."""


def arrow_schema(columns: dict[str, str], without: tuple[str, ...] = ()) -> pa.Schema:
    """Return the Arrow schema of a table's columns, in their order."""
    wanted = {name: kind for name, kind in columns.items() if name not in without}
    return pa.schema(
        [pa.field(name, _ARROW_TYPES[kind.split()[0]], "not null" not in kind) for name, kind in wanted.items()]
    )


def _create(name: str, columns: dict[str, str]) -> str:
    packed = dict.fromkeys(LONG_TEXTS, " using compression zstd")
    listed = ", ".join(f"{column} {kind}{packed.get(column, '')}" for column, kind in columns.items())
    return f"create table if not exists {name} ({listed})"


CREATE_RAW: tuple[str, ...] = (
    "create schema if not exists raw",
    _create("raw.conversations", RAW_COLUMNS),
    _create("raw.rejected_values", REJECTED_VALUES),
    _create("raw.rejected_documents", REJECTED_DOCUMENTS),
    _create("raw.masked_secrets", MASKED_SECRETS),
    "alter table raw.rejected_documents add column if not exists is_reduced boolean",
    "create table if not exists raw.loads (load_id bigint not null, loaded_at timestamptz not null,"
    " documents bigint not null, rows bigint not null, snapshot_id bigint, extracted_up_to timestamptz,"
    " table_uuid varchar not null)",
    "create table if not exists raw.side_tables (table_name varchar not null, snapshot_id bigint not null)",
    "create table if not exists raw.dead_letters (document_id varchar not null, project_id varchar,"
    " source_file varchar, host varchar, byte_offset bigint, line_bytes bigint, reason varchar, line varchar,"
    " ingested_at timestamptz)",
    "create table if not exists raw.transcript_files (host varchar, source_file varchar, project_id varchar,"
    " read_bytes bigint, lines bigint, dead_letters bigint, duplicates bigint, status varchar, error varchar,"
    " modified_at timestamptz, collected_at timestamptz, resets integer)",
    "alter table raw.transcript_files add column if not exists person varchar",
)
"""The statements that prepare an empty database for a load; safe to run again."""


def take_over(connection: duckdb.DuckDBPyConnection) -> None:
    """Create this version's tables of `raw`; conversations of another version are reloaded from scratch.

    The loads are kept, without a table's uuid, so that their numbers keep rising.
    """
    for statement in CREATE_RAW:
        connection.execute(statement)
    found = connection.execute(
        "select column_name from duckdb_columns() where schema_name = 'raw' and table_name = 'conversations'"
    ).fetchall()
    if {name for (name,) in found} != set(RAW_COLUMNS):
        connection.execute("drop table raw.conversations")
        connection.execute("update raw.loads set table_uuid = ''")
        connection.execute(_create("raw.conversations", RAW_COLUMNS))


def create_raw(database: Path) -> None:
    """Create missing tables of `raw`, so that every model can be built before the first load."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with closing(open_work_database(database)) as connection:
        for statement in CREATE_RAW:
            connection.execute(statement)


def begin_again(database: Path) -> None:
    """Replace the database with a new one that keeps the loads, so that their numbers keep rising."""
    with closing(open_work_database(database)) as connection:
        loads = connection.execute("select * replace ('' as table_uuid) from raw.loads").to_arrow_table()
    unfinished = database.with_name(f"{database.name}.new")
    for left in (unfinished, unfinished.with_name(f"{unfinished.name}.wal")):
        left.unlink(missing_ok=True)
    with closing(open_work_database(unfinished)) as connection:
        take_over(connection)
        connection.execute("insert into raw.loads by name from loads")
    del loads
    unfinished.replace(database)
