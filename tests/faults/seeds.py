"""Valid transcripts to start from: a generated sample, and lines of kinds that it does not hold."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from sample.transcripts import write_sample

UNTIL = date(2026, 6, 30)


def _line(kind: str, **fields: Any) -> dict[str, Any]:
    """Return a line of this type, with ids that no other line has."""
    name = f"{kind}-{len(json.dumps(fields))}"
    return {
        "type": kind,
        "uuid": f"00000000-0000-4000-8000-{name:>012.12}",
        "parentUuid": None,
        "sessionId": "5eed5eed-0000-4000-8000-000000000001",
        "timestamp": "2026-05-04T10:00:00.000Z",
        "cwd": "/work/shop",
        "version": "2.1.212",
        "isSidechain": False,
        **fields,
    }


def _answer(content: Any, **fields: Any) -> dict[str, Any]:
    usage = {
        "input_tokens": 3,
        "output_tokens": 120,
        "cache_creation_input_tokens": 900,
        "cache_read_input_tokens": 14_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 500},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
        "service_tier": "standard",
        "speed": "fast",
        "inference_geo": "us",
        "output_tokens_details": {"thinking_tokens": 7},
        "iterations": [
            {"type": "message", "model": "claude-opus-4-8", "input_tokens": 2, "output_tokens": 9},
            {"type": "advisor_message", "model": "claude-haiku-4-5", "input_tokens": 5, "output_tokens": 20},
        ],
    }
    message = {
        "id": f"msg_{len(json.dumps(content))}",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4-8",
        "content": content,
        "stop_reason": "end_turn",
        "usage": usage,
    }
    return _line("assistant", message=message, requestId="req_1", effort="high", **fields)


def _result(content: Any, found: Any, **fields: Any) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": "toolu_1", "content": content, "is_error": False}
    message = {"role": "user", "content": [block, {"type": "text", "text": "and more"}]}
    return _line("user", message=message, toolUseResult=found, **fields)


_AGENT_LINE = _answer([{"type": "text", "text": "inside"}])
_GIT = {"commit": {"sha": "abc1234", "kind": "committed"}, "pr": {"number": 7, "url": "https://git.example/pr/7"}}
_NOTEBOOK = {
    "notebook_path": "/work/shop/a.ipynb",
    "edit_mode": "replace",
    "new_source": "x = 1\n",
    "cell_id": "c1",
    "original_file": '{"cells":[{"id":"c1","source":["x = 0\\n"]}]}',
}

RARE_LINES: tuple[dict[str, Any], ...] = (
    _answer([{"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}]),
    _answer([{"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "git commit -m x"}}]),
    _answer([{"type": "tool_use", "id": "toolu_2", "name": "Task", "input": {"subagent_type": "e", "prompt": "p"}}]),
    _answer([{"type": "hologram", "points": [[1, 2], [3, 4]], "size": {"x": 1}}], attributionSkill="s"),
    _result("done", {"stdout": "[main abc1234] x", "interrupted": False, "gitOperation": _GIT, "durationMs": 12}),
    _result([{"type": "text", "text": "a"}, {"type": "image", "source": {"data": "AAAA"}}], _NOTEBOOK),
    _result("x", {"agentId": "a1", "agentType": "e", "status": "completed", "totalDurationMs": 9, "totalTokens": 7}),
    _result("x", {"structuredPatch": [{"lines": ["+a", "-b", " c"]}], "filePath": "/a", "searchCount": 3}),
    _result("The user doesn't want to proceed", "Error: denied", toolDenialKind="user-rejected"),
    _line("user", message={"role": "user", "content": "please"}, origin={"kind": "human"}, planContent="the plan"),
    _line("user", message={"role": "user", "content": "copied"}, forkedFrom={"sessionId": "s", "messageUuid": "m"}),
    _line("attachment", attachment={"type": "queued_command", "prompt": "and this", "commandMode": "prompt"}),
    _line("queue-operation", operation="enqueue", content="later"),
    _line("progress", data={"agentId": "a1", "message": _AGENT_LINE}, parentToolUseID="toolu_2"),
    _line("system", subtype="api_error", error={"status": 529, "formatted": "x"}, retryInMs=500.5, retryAttempt=1),
    _line("system", subtype="turn_duration", durationMs=72_000, maxRetries=10),
    _line("system", subtype="compact_boundary", compactMetadata={"trigger": "auto", "preTokens": 160_000}),
    _line("assistant", isApiErrorMessage=True, apiErrorStatus=500, error="x", message={"content": "API Error"}),
    _line("pr-link", prNumber=7, prUrl="https://git.example/pr/7"),
    _line("worktree-state", worktreeSession={"worktreePath": "/w/a", "originalCwd": "/w"}),
    _line(
        "cost-state",
        totalCostUSD=1.5,
        modelUsage={"claude-opus-4-8": {"inputTokens": 5, "outputTokens": 6, "costUSD": 1.5}},
        totalLinesAdded=3,
    ),
    _line("summary", summary="What it was about", leafUuid="00000000-0000-4000-8000-000000000000"),
    _line("agent-meta", agentId="a1", agentType="e", toolUseId="toolu_2", parentAgentId="a0"),
    _line("permission-mode", permissionMode="plan"),
)


def sample(folder: Path, *, seed: int, days: int) -> Path:
    """Return a folder with the transcripts of a person who exists only here."""
    if not folder.exists():
        write_sample(folder, seed=seed, days=days, until=UNTIL)
    return folder


def lines_of(folder: Path) -> list[bytes]:
    """Return every JSON object in the transcripts below this folder, as bytes without a line end."""
    found: list[bytes] = []
    for path in sorted(folder.rglob("*.jsonl")):
        found += [line for line in path.read_bytes().splitlines() if _is_object(line)]
    return found


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def valid_lines(folder: Path, *, seed: int, days: int = 4) -> list[bytes]:
    """Return the lines of a sample and one of every rare kind."""
    lines = lines_of(sample(folder, seed=seed, days=days))
    shutil.rmtree(folder)
    return lines + [json.dumps(line).encode() for line in RARE_LINES]
