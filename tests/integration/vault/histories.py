"""A history that was built while its texts were kept: the sample, and a session with a text of each kind."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.integration.collecting import write

SESSION = "99999999-9999-4999-8999-999999999999"
PLANTED = [f"quince {name}" for name in ("prompt", "answer", "thought", "command", "output", "file", "diff", "queue")]
PLANTED += [f"quince {name}" for name in ("title", "note", "history", "broken", "error", "task", "commit", "pasted")]
OLD = datetime.now(UTC) - timedelta(days=40)


def line(number: int, kind: str, **fields: Any) -> bytes:
    moment = (OLD + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
    named = {"type": kind, "uuid": f"99999999-0000-4000-8000-{number:012d}", "sessionId": SESSION, "timestamp": moment}
    return json.dumps(named | {"cwd": "/home/me/garden", "version": "2.1.0"} | fields).encode() + b"\n"


def said(number: int, *blocks: dict[str, Any]) -> bytes:
    usage = {"input_tokens": 100 + number, "output_tokens": 20, "cache_read_input_tokens": 7}
    message = {"role": "assistant", "id": f"msg_{number}", "model": "claude-sonnet-4-5-20250929", "usage": usage}
    return line(number, "assistant", message=message | {"content": list(blocks)}, requestId=f"req_{number}")


def call(number: int, tool: str, **given: Any) -> bytes:
    return said(number, {"type": "tool_use", "id": f"toolu_{number}", "name": tool, "input": given})


def answer(number: int, call: int, text: str, *, is_error: bool = False, **result: Any) -> bytes:
    block = {"type": "tool_result", "tool_use_id": f"toolu_{call}", "content": text, "is_error": is_error}
    return line(number, "user", message={"role": "user", "content": [block]}, toolUseResult=result or text)


def plant(folder: Path) -> Path:
    """Write a session with a text of each kind, its sub-agent, the history of prompts and a line that is no JSON."""
    lines = [
        line(1, "user", message={"role": "user", "content": "Please fix the quince prompt"}),
        said(2, {"type": "thinking", "thinking": "a quince thought"}, {"type": "text", "text": "the quince answer"}),
        call(3, "Bash", command="echo quince command && git commit -m 'x'", description="quince command"),
        answer(4, 3, "quince output\n[main abc1234] quince commit\n"),
        call(5, "Write", file_path="/home/me/garden/a.py", content="quince file\nmore"),
        answer(
            6, 5, "ok", type="update", filePath="/home/me/garden/a.py", content="quince file\nmore",
            structuredPatch=[{"lines": ["-old quince diff", "+new quince diff", " same"]}],
        ),
        call(7, "Bash", command="quince command fails"),
        answer(8, 7, "<tool_use_error>quince error", is_error=True),
        call(9, "Bash", command="quince command fails"),
        answer(10, 9, "The user doesn't want to proceed with the quince error", is_error=True),
        call(11, "Task", prompt="quince task", description="quince task", subagent_type="Explore"),
        answer(12, 11, "quince output", agentId="abcdef12", totalTokens=5, status="completed"),
        line(13, "queue-operation", operation="enqueue", content="quince queue"),
        line(14, "queue-operation", operation="remove"),
        line(15, "user", message={"role": "user", "content": "<command-name>/review</command-name> quince pasted"}),
        line(16, "user", message={"role": "user", "content": [{"type": "text", "text": "quince prompt two"}] * 2}),
        json.dumps({"type": "custom-title", "customTitle": "quince title", "sessionId": SESSION}).encode() + b"\n",
        b"{quince broken\n",
    ]  # fmt: skip
    project = folder / "projects" / "-home-me-garden"
    write(project / f"{SESSION}.jsonl", b"".join(lines))
    agent = line(21, "user", isSidechain=True, agentId="abcdef12", message={"role": "user", "content": "quince task"})
    write(project / SESSION / "subagents" / "agent-abcdef12.jsonl", agent)
    note = {"agentType": "Explore", "description": "quince note", "toolUseId": "toolu_11"}
    write(project / SESSION / "subagents" / "agent-abcdef12.meta.json", json.dumps(note, indent=1).encode())
    for path in project.rglob("*"):
        os.utime(path, (OLD.timestamp(), OLD.timestamp()))
    stamp = int(OLD.timestamp() * 1000)
    prompts = [
        {"display": "quince history alone", "project": "/home/me/garden", "timestamp": stamp, "sessionId": "lost"},
        {"display": "Please fix the quince prompt", "project": "/home/me/garden", "timestamp": stamp + 1000},
        {"display": "Please [Pasted text #1 quince pasted]", "project": "/home/me/garden", "timestamp": stamp + 1500},
    ]
    write(folder / "history.jsonl", b"".join(json.dumps(prompt).encode() + b"\n" for prompt in prompts))
    return folder / "projects"


@dataclass(frozen=True)
class Built:
    """Two data directories: with the session `gone`, and before it was there. Only to be read or copied."""

    folder: Path

    @property
    def projects(self) -> Path:
        """All transcripts."""
        return self.folder / "projects"

    @property
    def data(self) -> Path:
        """The data directory of two runs; the second one found `gone`."""
        return self.folder / "data"

    @property
    def others(self) -> Path:
        """The transcripts of the sessions beside `gone`."""
        return self.folder / "others" / "projects"

    @property
    def without(self) -> Path:
        """The data directory as the first run left it."""
        return self.folder / "without"

    @property
    def gone(self) -> str:
        """The session of the longest transcript."""
        sessions = (path for path in self.projects.glob("*/*.jsonl") if len(path.stem) == 36)
        return max(sessions, key=lambda path: path.stat().st_size).stem


def build(folder: Path, sample: Path, run: Callable[[Path, Path], None]) -> Built:
    """Make it from this sample; `run` collects a transcripts directory into a data directory, and builds."""
    shutil.copytree(sample, folder / "projects")
    plant(folder)
    built = Built(folder)
    shutil.copytree(built.projects, built.others)
    shutil.copy(folder / "history.jsonl", built.others.parent)
    gone = built.gone
    for path in list(built.others.glob(f"*/{gone}*")):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    run(built.others, built.data)
    shutil.copytree(built.data, built.without, symlinks=True)
    run(built.projects, built.data)
    return built
