"""Values of a line as bounded text and JSON: long strings are cut before they are copied."""

import math
from typing import Any, NamedTuple

import orjson

NAME_LIMIT = 4_096
"""Characters of a name, an id, a path. Longer ones are mistakes, and a line repeats them for each block."""
STRING_LIMIT = 4_096
"""Characters of a string inside tool input: whole commands and prompts fit, files that were written are cut."""
TEXT_LIMIT = 1_048_576
"""Characters of a text by a person or Claude. Longer ones come from programs, and are complete in Iceberg."""
JSON_LIMIT = 32_768
"""Characters of a JSON value such as a tool's input."""
ATTRIBUTES_LIMIT = 16_384
"""Characters up to which a line without blocks is complete in raw; longer ones are complete in Iceberg."""


class CutJson(NamedTuple):
    """A value's JSON, possibly cut, and its uncut length."""

    text: str
    length: int


def dumps(value: Any) -> str:
    """Return the value as compact JSON; NaN and infinite numbers are null."""
    return orjson.dumps(value).decode()


def text_of(value: Any, limit: int | None = NAME_LIMIT) -> str:
    """Return the value as text of at most `limit` characters: strings unchanged, anything else as JSON."""
    text = value if isinstance(value, str) else _written(value)
    return text if limit is None or len(text) <= limit else text[:limit]


def _written(value: Any) -> str:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else dumps(value)


def name_of(value: Any) -> str | None:
    """Return a name as bounded text if the value is text, a 64-bit integer or a boolean; else None.

    Objects, lists and other numbers have several spellings, so they cannot be names.
    """
    if type(value) is str and len(value) <= NAME_LIMIT:
        return value
    return text_of(value) if isinstance(value, str | int) else None


def cut_json(value: Any, string_limit: int = STRING_LIMIT, limit: int = JSON_LIMIT) -> CutJson:
    """Return the value as JSON of at most `limit` characters, every string in it of at most `string_limit`.

    A value that is still longer keeps its scalars and short strings, those of inner objects after those of the outer.
    """
    if isinstance(value, dict) and _is_flat(value, string_limit):
        text = dumps(value)
        return CutJson(text if len(text) <= limit else scalars_json(value, limit, string_limit), len(text))
    cut_off = _Cut(string_limit)
    text = dumps(cut_off.shorten(value))
    length = len(text) + cut_off.characters
    return CutJson(text if len(text) <= limit else scalars_json(value, limit, string_limit), length)


def _is_flat(value: dict[str, Any], string_limit: int) -> bool:
    """Return whether an object has only short scalars, like the inputs of most tools."""
    for inner in value.values():
        kind = type(inner)
        if kind is dict or kind is list or (kind is str and len(inner) > string_limit):
            return False
    return True


def cut_attributes(value: Any) -> str:
    """Return the value as JSON, or only its scalars if that is longer than ATTRIBUTES_LIMIT characters."""
    text, length = cut_json(value, ATTRIBUTES_LIMIT, ATTRIBUTES_LIMIT)
    return text if length <= ATTRIBUTES_LIMIT else scalars_json(value, ATTRIBUTES_LIMIT)


class _Cut:
    """Shortens strings and counts the removed characters of JSON."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.characters = 0

    def shorten(self, value: Any) -> Any:
        if isinstance(value, str):
            return value if len(value) <= self.limit else self._cut(value)
        if isinstance(value, dict):
            return {key: self.shorten(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.shorten(inner) for inner in value]
        return value

    def _cut(self, text: str) -> str:
        kept = text[: self.limit]
        self.characters += _json_length(text) - _json_length(kept)
        return kept


def _json_length(text: str) -> int:
    """Return the length of a string's JSON. Bytes are counted, to avoid decoding a second copy."""
    written = orjson.dumps(text)
    return len(written) if text.isascii() else len(written) - (len(text.encode()) - len(text))


def scalars_json(value: Any, limit: int, string_limit: int = STRING_LIMIT) -> str:
    """Return the scalars of an object and of the objects directly in it as JSON of at most `limit` characters."""
    if not isinstance(value, dict):
        return "[]" if isinstance(value, list) else "null"
    budget = _Budget(limit - 2, string_limit)
    kept = {key: inner for key, inner in value.items() if not isinstance(inner, dict | list)}
    kept = budget.take(kept)
    for key, inner in value.items():
        if isinstance(inner, dict) and budget.spend(key, {}):
            kept[key] = budget.take(
                {name: value for name, value in inner.items() if not isinstance(value, dict | list)}
            )
    return dumps(kept)


class _Budget:
    """Accepts values while they fit into a number of characters of JSON."""

    def __init__(self, left: int, string_limit: int) -> None:
        self.left, self.string_limit = left, string_limit

    def take(self, scalars: dict[str, Any]) -> dict[str, Any]:
        kept = {}
        for key, value in scalars.items():
            short = value[: self.string_limit] if isinstance(value, str) else value
            if self.spend(key, short):
                kept[key] = short
        return kept

    def spend(self, key: str, value: Any) -> bool:
        if len(key) > self.left:
            return False
        cost = len(dumps(key)) + len(dumps(value)) + 2
        if cost > self.left:
            return False
        self.left -= cost
        return True
