"""A small history as the loader leaves it: raw tables filled row by row, for tests of the dbt project."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from loader.raw_schema import CREATE_RAW, RAW_COLUMNS

START = datetime(2026, 3, 7, 22, 0, tzinfo=UTC)
_FLAGS = (
    *("is_progress", "is_sidechain", "is_meta", "is_compact_summary", "is_api_error"),
    "is_visible_in_transcript_only",
)


@dataclass
class SmallHistory:
    """A DuckDB file with the raw tables; each line gets the number of the load that is open."""

    path: Path
    extracted_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    load_id: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        with duckdb.connect(self.path) as connection:
            for statement in CREATE_RAW:
                connection.execute(statement)

    def line(self, document: str, minute: float | None, session: str | None, **values: Any) -> None:
        """Add one line, its own block, so many minutes after the history's start (None: it carries no time)."""
        block_index = values.pop("block_index", 0)
        self.lines.append(
            dict.fromkeys(_FLAGS, False)
            | {
                "conversation_id": f"{document}:{block_index}",
                "document_id": document,
                "block_index": block_index,
                "block_count": 1,
                "project_id": "-work-shop",
                "source_file": f"-work-shop/{session}.jsonl",
                "host": "laptop",
                "cwd": "/work/shop",
                "version": "2.1.0",
                "session_id": session,
                "line_type": values.get("message_type"),
                "uuid": f"uuid-{document}",
                "event_at": None if minute is None else START + timedelta(minutes=minute),
                "ingested_at": self.extracted_at,
                "extracted_at": self.extracted_at,
                "loaded_at": self.extracted_at,
            }
            | values
        )

    def prompt(self, document: str, minute: float, session: str | None, text: str, **values: Any) -> None:
        """A user line."""
        self.line(document, minute, session, message_type="user", block_type="text", block_text=text, **values)

    def answer(self, document: str, minute: float, session: str | None, **values: Any) -> None:
        """An assistant line with its usage."""
        usage = {"input_tokens": 10, "output_tokens": 20, "cache_read_tokens": 30, "cache_creation_tokens": 40}
        common = {"message_type": "assistant", "model": "claude-opus-4-6", "message_id": f"msg-{document}"}
        text = {"block_type": "text", "block_text": "Done."}
        raw = {"usage": json.dumps({"input_tokens": 10, "output_tokens": 20})}
        self.line(document, minute, session, **(common | text | usage | raw | values))

    def call(self, document: str, minute: float, session: str | None, tool: str, tool_use: str, **values: Any) -> None:
        """An assistant line that calls a tool."""
        block = {"block_type": "tool_use", "block_text": None, "tool_use_id": tool_use, "tool_name": tool}
        self.answer(document, minute, session, **(block | values))

    def result(self, document: str, minute: float, session: str, tool_use: str, **values: Any) -> None:
        """A user line that brings a tool's result."""
        block = {"block_type": "tool_result", "tool_use_id": tool_use, "is_error": False, "tool_result_length": 2}
        self.line(document, minute, session, **({"message_type": "user"} | block | values))

    def commit(self) -> None:
        """Write the lines since the last commit as one load; a line that is loaded again replaces its rows."""
        self.load_id += 1
        rows: list[Mapping[str, Any]] = [{"load_id": self.load_id} | line for line in self.lines]
        names = list(RAW_COLUMNS)
        marks = ", ".join("?" for _ in names)
        counts = [self.load_id, self.extracted_at, len(rows), len(rows), self.extracted_at]
        with duckdb.connect(self.path) as connection:
            connection.begin()
            for row in rows:
                connection.execute("delete from raw.conversations where conversation_id = ?", [row["conversation_id"]])
            values = [[row.get(name) for name in names] for row in rows]
            connection.executemany(f"insert into raw.conversations ({', '.join(names)}) values ({marks})", values)
            connection.execute("insert into raw.loads values (?, ?, ?, ?, null, ?, 'table')", counts)
            connection.commit()
        self.lines.clear()


def first_load(history: SmallHistory) -> None:
    """Two sessions, a fork, sub-agents, lines of kinds nobody knows: every mart gets rows."""
    history.prompt("p1", 0, "main", "Fix the parser")
    history.call("c1", 1, "main", "Edit", "edit-1", tool_input='{"file_path": "/work/shop/parser.py"}')
    patch = {"result_file_path": "/work/shop/parser.py", "result_lines_added": 3, "result_lines_removed": 1}
    history.result("r1", 2, "main", "edit-1", **patch)
    history.call("c2", 3, "main", "Bash", "bash-1", tool_input='{"command": "make"}')
    agent = {"result_agent_id": "a1", "result_status": "completed", "result_total_tokens": 100}
    history.call("c3", 4, "main", "Task", "task-1", tool_input='{"subagent_type": "Explore", "description": "Look"}')
    history.result("r3", 9, "main", "task-1", **agent)
    inside = {"agent_id": "a1", "is_sidechain": True, "source_file": "-work-shop/main/subagents/agent-a1.jsonl"}
    history.prompt("s1", 5, "main", "Look around", **inside)
    history.call("s2", 6, "main", "Read", "read-1", tool_input='{"file_path": "/work/shop/a.go"}', **inside)
    history.result("s3", 7, "main", "read-1", **inside)
    wrapped = {"is_progress": True, "is_sidechain": True, "agent_id": "a2", "line_type": "progress"}
    history.call("w1", 8, "main", "mcp__shop__find", "wrapped-1", parent_tool_use_id="task-1", **wrapped)
    git = json.dumps({"commit": {"sha": "abc1234", "kind": "committed"}})
    history.call("c4", 10, "main", "Bash", "bash-2")
    history.result("r4", 11, "main", "bash-2", result_git_operation=git)
    history.line("t1", 12, "main", line_type="system", subtype="turn_duration", attributes='{"durationMs": 720000}')
    history.line("n1", None, "main", line_type="ai-title", block_text="Parser")
    history.line("n2", None, "quiet", line_type="mode")
    history.line("n3", 13, "main", line_type="hologram", version="9.9.9")
    history.call("c5", 14, "main", "Teleport", "teleport-1")
    # The fork copies the first prompt and answer under its own session id, and goes on by itself.
    history.prompt("f1", 0, "fork", "Fix the parser", uuid="uuid-p1")
    history.call("f2", 1, "fork", "Edit", "edit-1", uuid="uuid-c1", message_id="msg-c1")
    history.prompt("f3", 200, "fork", "Now add a test")
    history.prompt("o1", 500, "other", "What is this?", project_id="-work-other", cwd="/work/other")
    history.answer("o2", 501, "other", project_id="-work-other", cwd="/work/other")
    history.commit()


def late_load(history: SmallHistory) -> None:
    """A month later: results of open calls, a second result, an older line of the fork, a line read again."""
    history.result("r2", 3.5, "main", "bash-1", is_error=True, tool_result_text="Exit code 2")
    history.result("r1b", 2.5, "main", "edit-1", is_error=True, tool_result_text="String to replace not found")
    # With a line before all others the fork is the session that began first: what both hold now counts there.
    history.prompt("f0", -60, "fork", "Hello")
    history.answer("o2", 501, "other", project_id="-work-other", cwd="/work/other", output_tokens=25)
    # Another tool's document may name neither a session nor a file.
    history.prompt("x1", 600, None, "Hi", source_file=None)
    history.call("x2", 601, None, "Bash", "bash-x", source_file=None)
    history.call("l1", 50000, "other", "Bash", "bash-9", project_id="-work-other", cwd="/work/other")
    history.commit()
