"""Finds the masks of secrets in the documents of a load, so that they can be counted by kind and place."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from common.documents import NotJson, parse
from common.masking import MASK
from records.reduced import removed_of

PROMPT, ANSWER, TOOL_INPUT, TOOL_OUTPUT, OTHER = "prompt", "answer", "tool input", "tool output", "other"


def masked_secrets(documents: pa.Table) -> Iterator[tuple[str, str, str, str, int]]:
    """Yield a row of raw.masked_secrets for each secret and place of these documents."""
    texts = documents["document"]
    for index in pc.indices_nonzero(pc.match_substring(texts, "[secret:")).to_pylist():
        document_id, text = documents["document_id"][index].as_py(), texts[index].as_py()
        for (kind, fingerprint, place), count in sorted(Counter(_masks(text)).items()):
            yield document_id, kind, fingerprint, place, count


def _masks(text: str) -> Iterator[tuple[str, str, str]]:
    try:
        value = parse(memoryview(text.encode())).value
    except (NotJson, RecursionError):
        yield from ((found[1], found[2], OTHER) for found in MASK.finditer(text))
        return
    if removed_of(value) is not None:  # its rows include the masks that it had
        return
    for place, part in _texts(value, OTHER, value.get("type") if isinstance(value, dict) else None):
        yield from ((found[1], found[2], place) for found in MASK.finditer(part))


def _texts(value: Any, place: str, line_type: Any) -> Iterator[tuple[str, str]]:
    """Yield every text of a line, names of fields included, with its place."""
    waiting: list[tuple[Any, str]] = [(value, place)]
    while waiting:
        inner, place = waiting.pop()
        if isinstance(inner, str):
            yield place, inner
        elif isinstance(inner, list):
            waiting += [(item, place) for item in inner]
        elif isinstance(inner, dict):
            yield place, " ".join(inner)
            waiting += [(item, _place(name, inner, place, line_type)) for name, item in inner.items()]


def _place(name: str, holder: dict[str, Any], place: str, line_type: Any) -> str:
    """Return the place of a field: its parent decides, or else its line's type."""
    if name == "toolUseResult" or holder.get("type") == "tool_result":
        return TOOL_OUTPUT
    if holder.get("type") == "tool_use" and name == "input":
        return TOOL_INPUT
    if name == "message" and place == OTHER:
        return {"user": PROMPT, "assistant": ANSWER}.get(str(line_type), OTHER)
    return place
