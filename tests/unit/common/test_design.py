"""The tokens of the pages: every one that is used exists, and text can be read on its ground."""

import re
from pathlib import Path

import pytest

from common.design import FOLDER, colours, stylesheet, tokens

ROOT = Path(__file__).resolve().parents[3]
SHEETS = [FOLDER / "components.css", ROOT / "report/page/page.css", ROOT / "scheduler/web/static/style.css"]
GROUNDS = ("ground", "card")
ON_GROUNDS = ("ink", "quiet", "accent", "good", "bad", "warn", "calm", "gone")
BADGES = ("good", "bad", "warn", "calm", "gone")
READABLE = 4.5


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_can_be_read_on_every_ground_it_is_used_on(dark: bool) -> None:
    token = tokens(dark=dark)
    pairs = [(text, ground) for text in ON_GROUNDS for ground in GROUNDS]
    pairs += [(name, f"{name}-ground") for name in BADGES]
    pairs += [("on-accent", "accent"), ("ink", "accent-ground"), ("ink", "bad-ground")]
    weak = {pair: round(contrast(token[pair[0]], token[pair[1]]), 2) for pair in pairs}
    assert {pair: found for pair, found in weak.items() if found < READABLE} == {}


def test_every_token_that_a_sheet_uses_is_defined() -> None:
    text = "\n".join(sheet.read_text(encoding="utf-8") for sheet in SHEETS)
    by_the_page = {"col", "row", "width", "height"}  # a card's place on the grid
    assert set(re.findall(r"var\(--([\w-]+)", text)) - set(tokens(dark=False)) == by_the_page


def test_every_token_is_used() -> None:
    text = stylesheet() + "".join(sheet.read_text(encoding="utf-8") for sheet in SHEETS)
    drawn = {name for name in tokens(dark=False) if re.fullmatch(r"(series|ramp)-\d", name)}
    assert {name for name in tokens(dark=False) if f"var(--{name})" not in text} == drawn


def test_colours_are_written_in_the_token_file_and_in_print_only() -> None:
    loose = {
        sheet.name: re.findall(r"#[0-9a-fA-F]{3,8}\b", sheet.read_text(encoding="utf-8").partition("@media print")[0])
        for sheet in SHEETS
    }
    assert loose == {sheet.name: [] for sheet in SHEETS}


def test_both_schemes_name_the_same_series() -> None:
    assert len(colours("series", dark=False)) == len(colours("series", dark=True)) == 7
    assert colours("series", dark=False) != colours("series", dark=True)
