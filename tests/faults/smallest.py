"""Finds the smallest part of an input that still fails: first by lines, then by pieces of the line that is left."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")

_MOST_TRIES = 400


def smallest(content: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Return a part of a file that still fails; nothing can be taken out of it by halving alone."""
    lines = reduced(content.splitlines(keepends=True), lambda some: fails(b"".join(some)))
    pieces = [bytes([byte]) for byte in b"".join(lines)]
    return b"".join(reduced(pieces, lambda some: fails(b"".join(some))))


def reduced(items: Sequence[Item], fails: Callable[[Sequence[Item]], bool]) -> Sequence[Item]:
    """Take out ever smaller runs of items while what is left still fails."""
    tries, size = 0, max(1, len(items) // 2)
    while tries < _MOST_TRIES:
        start = 0
        while start < len(items) and tries < _MOST_TRIES:
            rest, tries = [*items[:start], *items[start + size :]], tries + 1
            if rest and fails(rest):
                items = rest
            else:
                start += size
        if size == 1:
            break
        size //= 2
    return items
