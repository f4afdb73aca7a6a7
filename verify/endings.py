"""How tool calls ended, from their results, as docs/counting.md says."""

import re
from typing import Any, NamedTuple

from verify.files import Json
from verify.git import Command, Git, command_of, printed_in, reported_by
from verify.line_values import count, flag, part, text, written
from verify.turns import Block

_LARGEST_COUNT = 2**31 - 1
_ERROR = "Error: "
_NEAR = 200
"""Characters of the first line within which a refusal that any tool could write has to begin."""

USER, MODE, RULE = "user-rejected", "automode-blocked", "permission-rule"
_BEGINNINGS = (
    ("The agent proposed a plan that was rej", USER),
    *((f"{who} {how}", USER) for who in ("User", "Tool use") for how in ("rejected", "was rejected")),
    ("Permission for this action was denied", MODE),
    ("Claude requested permission to ", RULE),
    ("Claude requested permissions to ", RULE),
)
_UNWANTED = ("The user doesn't want to proceed", "The user doesn't want to take this action")
_DENIED = re.compile(r"Permission (?:to use|for) (?:[^\n]* )?(?:auto-)?denied")
_APPROVAL = re.compile(r"requires? (?:(?:your|user|explicit|manual) )?approval")
_REFUSED = re.compile(r"\b(?:was|were|been|is) (?:auto-?|automatically )(?:denied|rejected|blocked)", re.ASCII)
_STOPPED = "[Request interrupted by user"


class Call(NamedTuple):
    """A call of a tool: its id, the tool, and what its command does with git."""

    tool_id: str
    tool: str
    command: Command | None = None


class Result(NamedTuple):
    """The ending of a call by one result."""

    tool_id: str
    is_error: bool = False
    denial: str | None = None
    """What Claude Code says beside the result."""
    refusal: str | None = None
    """The refusal, by text that no tool prints."""
    own_refusal: str | None = None
    """The refusal, by text that counts only for Claude Code's own tools."""
    is_interrupted: bool = False
    reported: tuple[Git, ...] = ()
    printed: tuple[Git, ...] = ()
    searches: int | None = None


def calls_of(blocks: list[Block]) -> tuple[Call, ...]:
    """Return the calls among the blocks of a message."""
    return tuple(_call(block.tool_id, block.source) for block in blocks if block.is_call and block.tool_id)


def _call(tool_id: str, block: Json) -> Call:
    tool = text(block.get("name")) or "unknown"
    return Call(tool_id, tool, command_of(tool, block.get("input")))


def results_of(blocks: list[Block], outer: Json, inner: Json) -> tuple[Result, ...]:
    """Return the results among the blocks of a message; the line's other fields belong to the first."""
    plain = next((place for place, block in enumerate(blocks) if block.kind == "tool_result"), None)
    found = []
    for place, block in enumerate(blocks):
        if (block.kind or "").endswith("tool_result") and block.tool_id:
            result = _result(block, block.tool_id)
            found.append(_beside(result, outer, inner) if place == plain else result)
    return tuple(found)


def _result(block: Block, tool_id: str) -> Result:
    if block.kind != "tool_result":
        return Result(tool_id, _fails(block.source))
    said = output_of(block.source.get("content"))
    begins = said.removeprefix(_ERROR)
    return Result(
        tool_id,
        flag(block.source.get("is_error")),
        refusal=_refusal(begins),
        own_refusal=None if said.startswith("Exit code") else _own_refusal(begins.split("\n", 1)[0]),
        is_interrupted=said.startswith(_STOPPED) or f"\n{_STOPPED}" in said,
        printed=printed_in(said),
    )


def _fails(block: Json) -> bool:
    """Whether a result that the API itself brings is an error: by its flag, or by the type of its content."""
    if isinstance(block.get("is_error"), bool):
        return flag(block["is_error"])
    return (text(part(block, "content").get("type")) or "").endswith("_error")


def output_of(content: Any) -> str:
    """Return the text of a result."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        return written(content)
    texts = [part["text"] for part in content if isinstance(part, dict) and part.get("text") is not None]
    texts = [text if isinstance(text, str) else written(text) for text in texts]
    if not any(texts) and len(texts) < 2:
        texts = [entry for entry in content if isinstance(entry, str)]
    return "\n".join(texts)


def _refusal(begins: str) -> str | None:
    if begins.removeprefix("<tool_use_error>").startswith(_UNWANTED):
        return USER
    if named := next((kind for words, kind in _BEGINNINGS if begins.startswith(words)), None):
        return named
    return RULE if _DENIED.match(begins) else None


def _own_refusal(line: str) -> str | None:
    for words, kind in ((_APPROVAL, RULE), (_REFUSED, MODE)):
        if (found := words.search(line)) and found.start() <= _NEAR:
            return kind
    return None


def _beside(result: Result, outer: Json, inner: Json) -> Result:
    """Add what the line says of its first result."""
    found = part(inner, "toolUseResult")
    denials = (inner.get("toolDenialKind"), outer.get("toolDenialKind"))
    searches = count(found.get("searchCount"))
    return result._replace(
        denial=text(next((said for said in denials if said is not None), None)),
        is_interrupted=result.is_interrupted or flag(found.get("interrupted")),
        reported=reported_by(found.get("gitOperation")),
        searches=searches if searches is not None and searches <= _LARGEST_COUNT else None,
    )
