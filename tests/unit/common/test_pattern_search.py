"""Compiled expressions are kept and found again, and what cannot be read is compiled again."""

from pathlib import Path
from typing import Never

import pytest

from common.pattern_search import PatternSearch

EXPRESSIONS = ["b+c", "(?i:token)=[0-9]{2}"]
TEXT = b"abbc Token=12 bc"
ENDS = [(0, 4), (1, 13), (0, 16)]


def _found(search: PatternSearch, text: bytes = TEXT) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    search.search(text, lambda index, end: found.append((index, end)))
    return found


def _compile_nothing(self: PatternSearch) -> Never:
    raise AssertionError("expected the stored database, found a search that compiles")


def test_each_match_is_told_by_its_expression_and_its_end() -> None:
    assert _found(PatternSearch(EXPRESSIONS)) == ENDS


def test_a_stored_database_is_not_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _found(PatternSearch(EXPRESSIONS, tmp_path)) == ENDS
    monkeypatch.setattr(PatternSearch, "_compiled", _compile_nothing)
    assert _found(PatternSearch(EXPRESSIONS, tmp_path)) == ENDS
    with pytest.raises(AssertionError, match="expected the stored database"):
        _found(PatternSearch(["another"], tmp_path))


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"", lambda content: content[::-1]])
def test_a_damaged_database_is_compiled_again(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    assert _found(PatternSearch(EXPRESSIONS, tmp_path)) == ENDS
    [path] = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert _found(PatternSearch(EXPRESSIONS, tmp_path)) == ENDS
    assert path.read_bytes() == whole
