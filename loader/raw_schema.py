"""The tables of schema `raw` in DuckDB. What each column means is described beside the dbt source."""

from contextlib import closing
from pathlib import Path

import duckdb

RAW_COLUMNS: dict[str, str] = {
    "conversation_id": "varchar not null",
    "document_id": "varchar not null",
    "block_index": "integer not null",
    "block_count": "integer not null",
    "load_id": "bigint not null",
    "project_id": "varchar",
    "source_file": "varchar",
    "host": "varchar",
    "session_id": "varchar",
    "line_type": "varchar",
    "subtype": "varchar",
    "message_type": "varchar",
    "is_progress": "boolean",
    "uuid": "varchar",
    "parent_uuid": "varchar",
    "logical_parent_uuid": "varchar",
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
    "attribution_skill": "varchar",
    "attribution_plugin": "varchar",
    "is_sidechain": "boolean",
    "is_meta": "boolean",
    "is_compact_summary": "boolean",
    "is_api_error": "boolean",
    "is_visible_in_transcript_only": "boolean",
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
    "tool_result_text": "varchar",
    "tool_result_length": "bigint",
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
    "attributes": "json",
    "ingested_at": "timestamptz",
    "extracted_at": "timestamptz",
    "loaded_at": "timestamptz",
}
"""Columns of raw.conversations: one row per content block of one line."""

_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in RAW_COLUMNS.items())

CREATE_RAW: tuple[str, ...] = (
    "create schema if not exists raw",
    f"create table if not exists raw.conversations ({_COLUMNS})",
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
)
"""What makes an empty database ready for a load; safe to run again."""


def create_raw(database: Path) -> None:
    """Make the tables of `raw` where they do not exist, so that every model can be built before the first load."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with closing(connect(database)) as connection:
        for statement in CREATE_RAW:
            connection.execute(statement)


def connect(database: Path) -> duckdb.DuckDBPyConnection:
    """Open the work database as a load does: a file that every DuckDB since 1.4 can read, bounded in memory."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "storage_compatibility_version": "v1.4.0",
        "memory_limit": "768MB",
        "threads": 2,
        "preserve_insertion_order": False,
    }
    connection = duckdb.connect(str(database), config=config)
    connection.execute("set timezone = 'UTC'")
    return connection
