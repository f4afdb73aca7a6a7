"""Text for a terminal: nothing in it can move the cursor or change a colour, and a column has a width."""

import re
import unicodedata

CUE = "…"
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|[ -/]*[0-~]?)")
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def plain(text: str, *, keep_lines: bool = False) -> str:
    """Return the text without control sequences for the terminal.

    Escape sequences go, other control and format characters become `�`. With `keep_lines` line ends and tabs stay,
    else each run of white space is one blank.
    """
    lines = _LINE_ENDS.sub("\n", _ESCAPES.sub("", text))
    if not keep_lines:
        lines = " ".join(lines.split())
    return "".join(map(_harmless, lines))


def _harmless(character: str) -> str:
    if character in "\n\t" or character.isprintable() or character in "\u200d\ufe0f":
        return character
    return " " if unicodedata.category(character) == "Zs" else "�"


def width(text: str) -> int:
    """Return how many columns a terminal needs for it."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character) or character in "\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """Return the text, or its beginning and `…` where it needs more columns."""
    if width(text) <= columns:
        return text
    used = 0
    for position, character in enumerate(text):
        used += _columns(character)
        if used > columns - 1:
            return text[:position].rstrip() + CUE
    return text


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Return the text with blanks up to this width, before it where it stands on the right."""
    blanks = " " * (columns - width(text))
    return blanks + text if right else text + blanks
