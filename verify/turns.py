"""A message's text, and whether a person typed it: the rules of docs/counting.md for prompts."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from verify.files import Json, whole
from verify.line_values import flag, part, text, written

_WHITE = " \t\n\r"
_ASIDES = ("system-reminder", "ide_opened_file", "ide_selection", "ide_diagnostics")
_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_NOT_TYPED = (
    *("This session is being continued", "[Request interrupted", "<command-name>", "<command-message>"),
    *("<bash-input>", "<bash-stdout>", "<bash-stderr>", "<local-command-"),
)
_SENT = (
    *("<tick>", "[SYSTEM NOTIFICATION", "Another Claude session sent a message:", "Stop hook feedback:"),
    "Caveat: The messages below",
)
_TASK_IDS = frozenset({"task_id", "taskId", "task-id", "agent_id", "agentId", "tool_use_id", "toolUseId"})
_SENDERS = (
    *("notification", "teammate-message", "session-message", "agent-message", "channel-message", "scheduled-task"),
    *("scheduled-prompt", "cron-task", "cron-job", "wakeup", "submit-hook", "background-task", "resource-update"),
    *("polling-update", "boilerplate"),
)


class Block(NamedTuple):
    """A content block: its type, its text, the tool call that it makes or answers, the length of its output."""

    kind: str | None
    text: str | None = None
    tool_id: str | None = None
    output: int = 0
    source: Json = {}  # noqa: RUF012 - never written to

    @property
    def says_something(self) -> bool:
        """Whether it has a text."""
        return self.text is not None

    @property
    def is_call(self) -> bool:
        """Whether it calls a tool."""
        return self.kind in _CALLS and self.tool_id is not None


def blocks_of(message: Any) -> list[Block]:
    """Return the blocks of a message, whatever it is."""
    if not isinstance(message, dict):
        return [] if message is None else [_block(message)]
    content = message.get("content")
    return [_block(block) for block in content] if isinstance(content, list) else _one(content)


def _one(content: Any) -> list[Block]:
    return [] if content is None else [_block(content)]


def _block(block: Any) -> Block:
    if block is None:
        return Block(None)
    if not isinstance(block, dict):
        return Block("text", _said(block))
    kind, answered = block.get("type"), block.get("tool_use_id")
    if kind == "tool_result":
        return Block("tool_result", None, text(answered), _output_length(block.get("content")), block)
    said = block.get("text") if block.get("text") is not None else block.get("thinking")
    is_named = (text(kind) in _CALLS or block.get("input") is not None) and block.get("id") is not None
    named = block["id"] if is_named else answered
    return Block("unknown" if kind is None else text(kind), _said(said), text(named), source=block)


def _said(value: Any) -> str | None:
    return None if value is None else whole(value if isinstance(value, str) else written(value))


def _output_length(content: Any) -> int:
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else part for part in content]
        return sum(len(text) + 1 for text in texts if isinstance(text, str))
    return len(_said(content) or "")


def attached_text(line: Json) -> str | None:
    """Return the text of an attachment that holds a prompt."""
    attachment = part(line, "attachment")
    given = attachment.get("prompt")
    if given is None and attachment.get("type") == "queued_command":
        given = attachment.get("content")
    return _said(given)


def queued_text(line: Json) -> str | None:
    """Return what an operation of the queue names."""
    return _said(line.get("content"))


def typed(said: str) -> str:
    """Return a text without the elements that Claude Code and editors put before what was typed."""
    while (end := _end_of_aside(said)) is not None:
        said = said[end:]
    return said.strip(_WHITE)


def _end_of_aside(said: str) -> int | None:
    begun = said.lstrip()
    if not any(begun.startswith(f"<{name}>") for name in _ASIDES):
        return None
    closings = ((said.find(f"</{name}>"), name) for name in _ASIDES)
    return min((at + len(name) + 3 for at, name in closings if at >= 0), default=None)


def is_sent(said: str) -> bool:
    """Return whether another session, a schedule, a task or a hook sent this text, by what it is wrapped in."""
    name = said[1:].split(">", 1)[0].split(" ", 1)[0].split("/", 1)[0] if said.startswith("<") else ""
    ends_well = said[1 + len(name) : 2 + len(name)] in {">", " ", "/"}
    is_wrapped = ends_well and any(_is_element(name, sender) for sender in _SENDERS)
    return is_wrapped or said.startswith(_SENT) or _is_task(said)


def _is_task(said: str) -> bool:
    """Return whether a text is the JSON of a task, as version 2.1.49 queued it."""
    try:
        task = json.loads(said) if said.startswith("{") else None
    except (ValueError, RecursionError):
        return False
    return isinstance(task, dict) and not _TASK_IDS.isdisjoint(task)


def _is_element(name: str, sender: str) -> bool:
    before = name.removesuffix(sender)
    words = before.split("-")
    return name.endswith(sender) and (not before or (words[-1] == "" and all(_is_word(word) for word in words[:-1])))


def _is_word(word: str) -> bool:
    return word.isascii() and word.isalpha() and word.islower()


def is_prompt(line: Json, inner: Json, blocks: list[Block]) -> bool:
    """Return whether a message of type user is what a person typed; `inner` is the line that holds the message."""
    if inner is not line or flag(line.get("isSidechain")) or _is_injected(line):
        return False
    said = typed("\n".join(block.text for block in blocks if block.kind == "text" and block.text is not None))
    if said.startswith(_NOT_TYPED) or is_sent(said):
        return False
    kinds = {block.kind for block in blocks}
    return bool(said) or ("tool_result" not in kinds and not kinds.isdisjoint({"image", "document"}))


def _is_injected(line: Json) -> bool:
    attachment = part(line, "attachment")
    marks = (line.get(key) for key in ("isMeta", "isCompactSummary", "isVisibleInTranscriptOnly"))
    origin = next(_kinds(line.get("origin"), attachment.get("origin")), None)
    source, mode = line.get("promptSource"), text(attachment.get("commandMode"))
    return (
        any(flag(mark) for mark in (*marks, attachment.get("isMeta")))
        or line.get("planContent") is not None
        or (source == "system" if origin is None else origin != "human")
        or mode not in {None, "prompt"}
    )


def _kinds(*origins: Any) -> Iterator[str]:
    for origin in origins:
        if kind := text(origin.get("kind") if isinstance(origin, dict) else origin):
            yield kind
