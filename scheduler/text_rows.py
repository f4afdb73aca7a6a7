"""The values kept of a line whose texts are removed: its rows in schema raw, and what figures need of the texts."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson

Values = dict[str, Any]

INPUT_KEPT = ("file_path", "notebook_path", "path", "subagent_type", "edit_mode")
"""The fields of a tool's input that models read unchanged. Of a skill's name they read the first word."""
SKILL_NAMES = ("skill", "command", "name")
_SKILLS = ("Skill", "SlashCommand")
ATTRIBUTES_KEPT = (
    *("operation", "leafUuid", "agentType", "toolUseId", "parentAgentId", "prUrl", "prNumber", "durationMs"),
    *("error.status", "retryAttempt", "maxRetries", "retryInMs"),
    *("compactMetadata.trigger", "compactMetadata.preTokens"),
    *("worktreeSession.worktreePath", "worktreeSession.originalCwd", "is_error", "content.type", "project"),
)
"""The fields of a line that models read without a column for them: names, places and numbers."""
_GIT_KEPT = ("kind", "action", "sha", "branch", "number", "url")
_NOT_KEPT = frozenset({"document_id", "is_remembered"})


def removed_of_rows(rows: Iterable[Values]) -> Iterator[tuple[str, Values]]:
    """Yield the id of each line and the values that replace its texts; rows are ordered by line and block.

    NULL values may be missing.
    """
    for document_id, of_line in groupby(rows, key=itemgetter("document_id")):
        yield document_id, _together([_without_texts(row) for row in of_line])


def _together(rows: list[Values]) -> Values:
    """Return rows with shared values stored once, without NULL values."""
    first = rows[0]
    if len(rows) == 1:  # as most lines have
        return {"line": first, "rows": [{}]}
    shared = {name for name, value in first.items() if all(row.get(name) == value for row in rows)}
    own = [{name: value for name, value in row.items() if name not in shared} for row in rows]
    return {"line": {name: first[name] for name in first if name in shared}, "rows": own}


def _without_texts(row: Values) -> Values:
    kept = {name: _written(value) for name, value in row.items() if value is not None and name not in _NOT_KEPT}
    facts = {name: value for name, value in _object(kept.get("kept_facts")).items() if value is not None}
    if row.get("is_remembered") is not None:
        facts.setdefault("is_remembered", row["is_remembered"])
    shorter = {
        "tool_input": _text(_input(_object(kept.get("tool_input")), kept.get("tool_name"))),
        "attributes": _text(_chosen(_object(kept.get("attributes")), ATTRIBUTES_KEPT)),
        "result_git_operation": _git(kept.get("result_git_operation")),
        "kept_facts": orjson.dumps(facts).decode(),
    }
    return {name: value for name, value in (kept | shorter).items() if value is not None}


def _written(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _object(text: str | None) -> Values:
    if not text:
        return {}
    try:
        value = orjson.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(kept: Values) -> str | None:
    return orjson.dumps(kept).decode() if kept else None


def _input(given: Values, tool_name: str | None) -> Values:
    kept = {name: given[name] for name in INPUT_KEPT if _is_scalar(given.get(name))}
    if tool_name in _SKILLS:
        named = next((given[name] for name in SKILL_NAMES if given.get(name) is not None), None)
        kept |= {} if named is None else {SKILL_NAMES[0]: _first_word(named)}
    return kept


def _first_word(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text.split(" ", 1)[0]


def _chosen(given: Values, paths: tuple[str, ...]) -> Values:
    kept: Values = {}
    for path in paths if given else ():
        holder, _, name = path.rpartition(".")
        inner = given.get(holder) if holder else given
        if isinstance(inner, dict) and _is_scalar(inner.get(name)):
            (kept.setdefault(holder, {}) if holder else kept)[name] = inner[name]
    return kept


def _is_scalar(value: Any) -> bool:
    return value is not None and not isinstance(value, dict | list)


def _git(text: str | None) -> str | None:
    """Return Claude Code's git report without messages; an operation that is not an object is ignored."""
    if text is None:
        return None
    operations = {name: said for name, said in _object(text).items() if isinstance(said, Mapping)}
    kept = {
        name: {key: said[key] for key in _GIT_KEPT if _is_scalar(said.get(key))} for name, said in operations.items()
    }
    return orjson.dumps(kept).decode()
