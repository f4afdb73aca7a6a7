"""The columns from each content block of a message: its text, a tool's call or a tool's output."""

from typing import Any, NamedTuple

from loader.cut import STRING_LIMIT, TEXT_LIMIT, cut_attributes, cut_json, dumps, name_of, text_of
from loader.flatten_results import count_lines
from loader.output_notes import notes_beyond
from loader.values import Checker

WITHOUT_ATTRIBUTES = frozenset(
    {"text", "thinking", "tool_use", "tool_result", "image", "document", "redacted_thinking"}
)
"""Blocks whose facts all have columns, or whose bulk is not a fact. Others are stored as JSON."""
CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
"""Blocks that call a tool, also without an input."""
_WRITTEN = ("content", "new_source", "file_text")
"""Keys of a tool's input that hold a whole file or cell."""


class BlockFields(NamedTuple):
    """The columns that differ per block."""

    conversation_id: str
    block_index: int
    block_type: str | None = None
    block_text: str | None = None
    tool_use_id: str | None = None
    tool_name: str | None = None
    tool_input: str | None = None
    tool_input_length: int | None = None
    tool_input_lines: int | None = None
    tool_result_text: str | None = None
    tool_result_length: int | None = None
    tool_result_rest: str | None = None
    is_error: bool | None = None
    attributes: str | None = None
    kept_facts: str | None = None
    """The values that figures need of a line's expired texts."""


def blocks_of(message: Any) -> list[Any]:
    """Return the blocks of a message; other content is one block, as is a message that is not an object."""
    if message is None:
        return []
    if not isinstance(message, dict):
        return [message]
    content = message.get("content")
    if isinstance(content, list):
        return content
    return [] if content is None else [content]


def is_result(block: Any) -> bool:
    """Return whether a block is the output of a tool."""
    return isinstance(block, dict) and block.get("type") == "tool_result"


def block_fields(block: Any, document_id: str, index: int, tool_output_limit: int, checker: Checker) -> BlockFields:
    """Return the columns of one block; those of a null are empty."""
    name = f"{document_id}:{index}"
    if block is None:
        return BlockFields(name, index)
    if not isinstance(block, dict):
        return BlockFields(name, index, "text", text_of(block, TEXT_LIMIT))
    kind = block.get("type")
    if kind == "tool_result":
        return _result(block, name, index, tool_output_limit, checker)
    if kind == "text" and "input" not in block and type(text := block.get("text")) is str:
        return BlockFields(
            name, index, "text", text[:TEXT_LIMIT], name_of(block.get("tool_use_id")), name_of(block.get("name"))
        )
    return _other(block, name, index)


def _other(block: dict[str, Any], name: str, index: int) -> BlockFields:
    kind = name_of(block.get("type")) or ("unknown" if block.get("type") is None else "")
    text = block.get("text") if block.get("text") is not None else block.get("thinking")
    given = block.get("input")
    tool_use_id = block.get("tool_use_id")
    if (kind in CALLS or given is not None) and block.get("id") is not None:
        tool_use_id = block["id"]
    return BlockFields(
        name,
        index,
        block_type=kind,
        block_text=None if text is None else text_of(text, TEXT_LIMIT),
        tool_use_id=name_of(tool_use_id),
        tool_name=name_of(block.get("name")),
        **_input_fields(given),
        attributes=None if kind in WITHOUT_ATTRIBUTES else cut_attributes(block),
    )


def _written_lines(given: Any) -> int | None:
    if isinstance(given, dict):
        for key in _WRITTEN:
            if isinstance(text := given.get(key), str):
                return count_lines(text)
    return None


def _result(block: dict[str, Any], name: str, index: int, limit: int, checker: Checker) -> BlockFields:
    output = _output(block.get("content"), limit)
    return BlockFields(
        name,
        index,
        block_type="tool_result",
        tool_use_id=name_of(block.get("tool_use_id")),
        tool_name=name_of(block.get("name")),
        tool_result_text=output.text,
        tool_result_length=output.length,
        tool_result_rest=output.rest,
        is_error=checker.flag("is_error", block.get("is_error")) or False,
        **_input_fields(block.get("input")),
    )


def _input_fields(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    text, length = cut_json(given)
    return {"tool_input": text, "tool_input_length": length, "tool_input_lines": _written_lines(given)}


class _Output(NamedTuple):
    """A tool's output up to the limit, its full length, and the notes beyond the limit."""

    text: str | None = None
    length: int | None = None
    rest: str | None = None


def _output(content: Any, limit: int) -> _Output:
    if content is None:
        return _Output()
    if isinstance(content, str):
        return _joined([content], limit)
    if not isinstance(content, list):
        text, length = cut_json(content, max(limit, STRING_LIMIT), limit=max(limit, 1 << 20))
        return _Output(text[:limit], length)
    texts = [_part(part["text"]) for part in content if isinstance(part, dict) and part.get("text") is not None]
    if not any(texts):
        texts = [part for part in content if isinstance(part, str)] if len(texts) < 2 else texts
    return _joined(texts, limit)


def _part(text: Any) -> str:
    return text if isinstance(text, str) else dumps(text)


def _joined(texts: list[str], limit: int) -> _Output:
    """Return the texts on separate lines up to the limit, without joining what is beyond it."""
    length = sum(map(len, texts)) + max(len(texts) - 1, 0)
    cut, rest = notes_beyond(texts, limit) if length > limit else (limit, None)
    kept, left = [], cut
    for text in texts:
        if left < 0:
            break
        kept.append(text[:left])
        left -= len(text) + 1
    return _Output("\n".join(kept)[:cut], length, rest)
