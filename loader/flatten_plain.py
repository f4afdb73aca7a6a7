"""The columns of a line without blocks: the text that people see, and the line itself."""

from typing import Any, NamedTuple

from common.documents import Document
from loader.cut import ATTRIBUTES_LIMIT, TEXT_LIMIT, cut_attributes, scalars_json, text_of
from loader.values import LARGEST_COUNT, LARGEST_INTEGER, Checker

_TEXTS = ("content", "summary", "aiTitle", "customTitle", "agentName", "lastPrompt", "display")

_SURELY_LONG = 8 * ATTRIBUTES_LIMIT
"""Bytes of a line above which its JSON is surely too long, and not written."""


class _Number(NamedTuple):
    """A number that models read from `attributes`: its key, the object that it is in, and its check."""

    key: str
    within: str | None = None
    is_whole: bool = True
    largest: int = LARGEST_INTEGER


_NUMBERS = (
    _Number("durationMs", is_whole=False, largest=LARGEST_COUNT),
    _Number("retryInMs", is_whole=False, largest=LARGEST_COUNT),
    _Number("retryAttempt"),
    _Number("maxRetries"),
    _Number("prNumber"),
    _Number("status", "error"),
    _Number("preTokens", "compactMetadata", largest=LARGEST_COUNT),
)


def plain_text(line: dict[str, Any]) -> str | None:
    """Return the text of a line without blocks."""
    if line.get("type") == "attachment":
        return _attachment_text(line.get("attachment"))
    for key in _TEXTS:
        if (text := line.get(key)) is not None:
            return text_of(text, TEXT_LIMIT)
    return None


def _attachment_text(attachment: Any) -> str | None:
    if not isinstance(attachment, dict):
        return None
    text = attachment.get("prompt")
    if text is None and attachment.get("type") == "queued_command":
        text = attachment.get("content")
    return None if text is None else text_of(text, TEXT_LIMIT)


def line_attributes(document: Document, checker: Checker) -> str:
    """Return the JSON of a line without blocks, its numbers checked; only the scalars of a long line.

    The original text is returned if it is short and no value was rejected, to avoid serialising it again.
    """
    value = document.value
    checked = checked_numbers(value, checker) if isinstance(value, dict) else value
    if document.is_plain and checked is value and len(document.text) <= ATTRIBUTES_LIMIT:
        return str(document.text, "utf-8")
    if len(document.text) > _SURELY_LONG:
        return scalars_json(checked, ATTRIBUTES_LIMIT)
    return cut_attributes(checked)


def checked_numbers(line: dict[str, Any], checker: Checker) -> dict[str, Any]:
    """Return the line with null for each unusable number; the same object if all are usable."""
    for number in _NUMBERS:
        holder = line if number.within is None else line.get(number.within)
        if isinstance(holder, dict) and holder.get(number.key) is not None and not _is_usable(holder, number, checker):
            fixed = holder | {number.key: None}
            line = fixed if number.within is None else line | {number.within: fixed}
    return line


def _is_usable(holder: dict[str, Any], number: _Number, checker: Checker) -> bool:
    field = number.key if number.within is None else f"{number.within}.{number.key}"
    check = checker.count if number.is_whole else checker.amount
    return check(field, holder[number.key], number.largest) is not None
