"""Globs as regular expressions, anchored at both ends, for RE2 as DuckDB has it."""

import re
from pathlib import Path

_WINDOWS = re.compile(r"^[A-Za-z]:([\\/]|$)")


def text_pattern(glob: str) -> str:
    """Return what a branch or a remote has to match: `*` is any text, `?` one character."""
    return f"^{_translated(glob, star='.*', one='.')}$"


def folder_pattern(glob: str) -> str:
    """Return what a path has to match: that folder, and everything below it.

    `*` is any text within a folder's name, `**` also reaches over folders, `~` is this user's home.
    """
    if glob == "~" or glob.startswith("~/"):
        glob = f"{Path.home()}{glob[1:]}"
    if _WINDOWS.match(glob):
        glob = glob[0].lower() + glob[1:].replace("\\", "/")
    folder = glob.rstrip("/")
    return f"^{_translated(folder, star='[^/]*', one='[^/]')}(/.*)?$"


def _translated(glob: str, *, star: str, one: str) -> str:
    parts = {"**": ".*", "*": star, "?": one}
    return "".join(parts.get(part) or re.escape(part) for part in re.split(r"(\*\*|\*|\?)", glob) if part)
