"""The design of the report and the status page. `tokens.css` names every colour and size, `components.css` uses them.

It is in `common/` because the two packages may not import each other. Charts take their colours from here, too.
"""

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
_DARK_STARTS = "@media (prefers-color-scheme: dark)"
_TOKEN = re.compile(r"--([\w-]+):\s*([^;]+);")


@cache
def stylesheet() -> str:
    """Return the tokens and the components as one style sheet, for a page to put its own rules after."""
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in ("tokens.css", "components.css"))


@cache
def tokens(*, dark: bool) -> dict[str, str]:
    """Return the value of every token by its name without dashes, as the light or the dark scheme has it."""
    light, _, night = (FOLDER / "tokens.css").read_text(encoding="utf-8").partition(_DARK_STARTS)
    return dict(_TOKEN.findall(light)) | (dict(_TOKEN.findall(night)) if dark else {})


def colours(name: str, *, dark: bool) -> tuple[str, ...]:
    """Return the numbered colours `name-1`, `name-2`, ... of one scheme, in order."""
    known = tokens(dark=dark)
    return tuple(known[key] for key in known if re.fullmatch(rf"{name}-\d+", key))
