"""The columns from a line's toolUseResult, for the block of its first tool result."""

from typing import Any, NamedTuple

import orjson

from loader.cut import cut_json, name_of
from loader.values import LARGEST_INTEGER, Checker


class ResultFields(NamedTuple):
    """Columns of the row that holds a tool's result."""

    tool_denial_kind: str | None = None
    result_kind: str | None = None
    result_type: str | None = None
    result_file_path: str | None = None
    result_lines_added: int | None = None
    result_lines_removed: int | None = None
    result_content_lines: int | None = None
    result_agent_id: str | None = None
    result_agent_type: str | None = None
    result_interrupted: bool | None = None
    result_background_task_id: str | None = None
    result_git_operation: str | None = None
    result_duration_ms: int | None = None
    result_total_tokens: int | None = None
    result_tool_use_count: int | None = None
    result_status: str | None = None
    result_search_count: int | None = None


NO_RESULT = ResultFields()


def count_lines(text: str) -> int:
    """Return the number of lines of a text; the last one counts with or without a line feed."""
    return min(text.count("\n") + (not text.endswith("\n")) - (text == ""), LARGEST_INTEGER)


def result_fields(found: Any, denial_kind: Any, checker: Checker) -> ResultFields:
    """Return the columns of a toolUseResult, which may be an object, a text, a list or null."""
    if not isinstance(found, dict):
        kind = None if found is None else "array" if isinstance(found, list) else "string"
        return ResultFields(tool_denial_kind=name_of(denial_kind), result_kind=kind)
    added, removed, content_lines = _lines(found)
    git = found.get("gitOperation")
    total_ms = found.get("totalDurationMs")
    return ResultFields(
        tool_denial_kind=name_of(denial_kind),
        result_kind="object",
        result_type=name_of(found.get("type")),
        result_file_path=_file_path(found),
        result_lines_added=added,
        result_lines_removed=removed,
        result_content_lines=content_lines,
        result_agent_id=name_of(found.get("agentId")),
        result_agent_type=name_of(found.get("agentType")),
        result_interrupted=checker.flag("result_interrupted", found.get("interrupted")),
        result_background_task_id=name_of(found.get("backgroundTaskId")),
        result_git_operation=cut_json(git).text if isinstance(git, dict) else None,
        result_duration_ms=checker.count(
            "result_duration_ms", found.get("durationMs") if total_ms is None else total_ms
        ),
        result_total_tokens=checker.count("result_total_tokens", found.get("totalTokens")),
        result_tool_use_count=checker.count("result_tool_use_count", found.get("totalToolUseCount")),
        result_status=name_of(found.get("status")),
        result_search_count=checker.count("result_search_count", found.get("searchCount"), LARGEST_INTEGER),
    )


def _file_path(found: dict[str, Any]) -> str | None:
    file = found.get("file")
    inner = file.get("filePath") if isinstance(file, dict) else None
    paths = (found.get("filePath"), found.get("notebook_path"), inner)
    return next((name_of(path) for path in paths if path is not None), None)


def _lines(found: dict[str, Any]) -> tuple[int | None, int | None, int | None]:
    """Return the lines added and removed, and those of a content that is text."""
    if "edit_mode" in found and "notebook_path" in found:
        return (*_notebook_lines(found), None)
    content, patch = found.get("content"), found.get("structuredPatch")
    content_lines = count_lines(content) if isinstance(content, str) else None
    starts = _patch_line_starts(patch)
    removed = None if patch is None else starts.count("-")
    if starts:
        return starts.count("+"), removed, content_lines
    if found.get("type") == "create" and content_lines is not None:
        return content_lines, removed, content_lines
    return None if patch is None else 0, removed, content_lines


def _notebook_lines(found: dict[str, Any]) -> tuple[int | None, int | None]:
    """Return the lines that an edit of a notebook's cell added and removed, for which there is no patch."""
    if found.get("error"):
        return None, None
    mode, source = found["edit_mode"], found.get("new_source")
    added = 0 if mode == "delete" else count_lines(source) if isinstance(source, str) else None
    return added, 0 if mode == "insert" else _cell_lines(found.get("original_file"), found.get("cell_id"))


def _cell_lines(notebook: Any, cell_id: Any) -> int | None:
    """Return the number of lines of a notebook's cell, or None if there is no such cell."""
    try:
        cells = orjson.loads(notebook)["cells"]
        source = next(cell["source"] for cell in cells if cell.get("id") == cell_id)
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration):
        return None
    text = "".join(source) if isinstance(source, list) else source
    return count_lines(text) if isinstance(text, str) else None


def _patch_line_starts(patch: Any) -> list[str]:
    """Return the first character of every line in a patch's hunks."""
    hunks = patch if isinstance(patch, list) else []
    lists = (hunk.get("lines") for hunk in hunks if isinstance(hunk, dict))
    return [line[:1] if isinstance(line, str) else "" for lines in lists if isinstance(lines, list) for line in lines]
