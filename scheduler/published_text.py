"""PUBLISHED_TEXT=off: a published database without the texts of people and Claude, and the input and output of tools.

Figures and the names of tools, files, projects and branches are kept. A new file is written: emptied cells of a copy
would leave their bytes in its blocks.
"""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from common.duckdb_files import DEFAULT_LIMITS, DuckDBLimits, open_work_database

TEXT_COLUMNS: dict[str, tuple[str, ...]] = {
    "raw.conversations": (
        *("block_text", "tool_input", "tool_result_text", "tool_result_rest", "result_git_operation"),
        *("attributes", "kept_facts"),
    ),
    "raw.dead_letters": ("line",),
    "raw.rejected_values": ("found",),
    "intermediate.int_history_prompts": ("prompt_text",),
    "marts.agg_data_quality": ("example",),
    "marts.dim_agents": ("description", "prompt"),
    "marts.dim_sessions": ("title", "first_prompt"),
    "marts.fct_insights": ("subject", "evidence"),
    "marts.fct_messages": ("message_text", "opening_digest"),
    "marts.fct_prompts": ("prompt_text",),
    "marts.fct_session_events": ("note",),
    "marts.fct_tool_calls": (
        *("description", "command_text", "error_text", "git_operation", "agent_prompt", "git_output"),
        *("called_digest", "agent_prompt_digest"),
    ),
}
"""The columns that are null in a database published without text."""
ONLY_WHERE = {"marts.fct_insights": "insight_kind = 'failing_calls'"}
"""The only rows in which these columns are text; in others they are figures and names."""


def remove_text(database: Path, limits: DuckDBLimits = DEFAULT_LIMITS) -> None:
    """Rewrite a copy of the work database without its texts, in place; views are unchanged."""
    write_again(database, limits, _without_text)


def write_again(database: Path, limits: DuckDBLimits, rows_of: Callable[[str, str], str]) -> None:
    """Rewrite a database as a new file in place, with the rows of a SELECT for each table, `schema.name`.

    `rows_of` returns the SELECT for a table's name and its source.
    """
    whole = database.with_name(f"whole-{database.name}")
    database.rename(whole)
    with closing(open_work_database(database, limits)) as connection:
        connection.execute(f"attach '{str(whole).replace(chr(39), chr(39) * 2)}' as whole (read_only)")
        connection.execute(f"copy from database whole to {database.stem} (schema)")
        tables = "select schema_name, table_name from duckdb_tables() where database_name = 'whole' order by all"
        for schema, table in connection.execute(tables).fetchall():
            name = f'"{schema}"."{table}"'
            rows = rows_of(f"{schema}.{table}", f"whole.{name}")
            connection.execute(f"insert into {database.stem}.{name} {rows}")
        connection.execute("detach whole")
        connection.execute("checkpoint")
    whole.unlink()


def _without_text(table: str, source: str) -> str:
    emptied = _emptied(table)
    return f"select * replace ({emptied}) from {source}" if emptied else f"from {source}"


def _emptied(table: str) -> str:
    condition = ONLY_WHERE.get(table, "true")
    return ", ".join(f"if({condition}, null, {name}) as {name}" for name in TEXT_COLUMNS.get(table, ()))
