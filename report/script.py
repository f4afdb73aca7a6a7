"""The page's modules as one classic script: a page opened from disk may not import, and users need no build step.

Each module becomes a function that returns what it exports, kept under its name in `modules`, after those it imports.
"""

import re
from pathlib import Path

_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function|const) (\w+)", re.MULTILINE)


def bundled(entry: Path) -> str:
    """Return the module `entry` and all that it imports, each once, as a script."""
    written: dict[str, str] = {}
    _add(entry, written)
    return '"use strict";\nconst modules = {};\n' + "".join(written.values())


def _add(file: Path, written: dict[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for _, other in _IMPORT.findall(text):
        if other not in written:
            _add(file.with_name(f"{other}.js"), written)
    body = _IMPORT.sub(r"const \1 = modules.\2;", text)
    names = ", ".join(name for _, name in _EXPORT.findall(body))
    body = _EXPORT.sub(r"\1 \2", body)
    written[file.stem] = f"modules.{file.stem} = (() => {{\n{body}\nreturn {{ {names} }};\n}})();\n"
