"""The colours of a chart's series, the same in the report and in Metabase."""

import re

from common.design import colours

LIGHT = colours("series", dark=False)
DARK = colours("series", dark=True)

_TOKEN_KINDS = ("Cache writes", "Cache reads", "Output", "Input")


def places(labels: list[str]) -> list[int]:
    """Return the place of each label's colour in the palette; kinds of token have the same one on every card."""
    if set(labels) <= set(_TOKEN_KINDS):
        return [_TOKEN_KINDS.index(label) for label in labels]
    return [index % len(LIGHT) for index in range(len(labels))]


def in_dark(text: str) -> str:
    """Return the text of a chart with the light scheme's colours of series replaced by the dark scheme's."""
    swap = dict(zip(LIGHT, DARK, strict=True))
    return re.sub(r"#[0-9A-F]{6}", lambda found: swap.get(found[0], found[0]), text)
