"""Reads the JSON of one document: a transcript's line, or another tool's document.

orjson reads nearly every line. Python's own parser reads what orjson rejects (NaN, numbers beyond a double, half a
surrogate pair); integers beyond 64 bits become floats, half a pair becomes U+FFFD.

orjson reads deeper nesting than it writes. Documents nested that deeply are cut to a depth that every parser accepts.
"""

import json
import re
from typing import Any, NamedTuple

import orjson

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_SAFE_DIGITS = 18
"""An integer of at most this many characters fits 64 bits."""
DEEPEST = 100
"""Levels that are kept of a document that is nested too deeply; MongoDB's documents have no more either."""


class NotJson(Exception):
    """The document is not JSON."""


class Document(NamedTuple):
    """A document's text in UTF-8, and its value. A plain one is JSON that every parser accepts."""

    text: memoryview
    value: Any
    is_plain: bool

    def cut_to_depth(self) -> "Document":
        """Empty values nested deeper than DEEPEST levels, in place."""
        _cut_to_depth(self.value)
        return self._replace(is_plain=False)


def parse(text: memoryview) -> Document:
    """Parse a document.

    Raises NotJson, and RecursionError for a document nested deeper than Python's parser goes.
    """
    try:
        return Document(text, orjson.loads(text), is_plain=True)
    except ValueError:
        return Document(text, _parse_any(str(text, "utf-8", "replace")), is_plain=False)


def _parse_any(text: str) -> Any:
    try:
        value = json.loads(text, parse_int=_integer)
    except ValueError as error:
        raise NotJson(str(error)) from None
    _cut_to_depth(value)
    return _with_whole_characters(value)


def _cut_to_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        inner = (
            nested.values() if isinstance(nested, dict) else nested
            for nested in level
            if isinstance(nested, dict | list)
        )
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
    for container in level:
        container.clear()


def _integer(digits: str) -> int | float:
    if len(digits) <= _SAFE_DIGITS:
        return int(digits)
    number = float(digits)
    return int(digits) if abs(number) < 2**63 else number


def _with_whole_characters(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF_PAIR.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_HALF_PAIR.sub("\ufffd", key): _with_whole_characters(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_whole_characters(inner) for inner in value]
    return value
