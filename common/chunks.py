"""Cuts a stream into lists of bounded length or size."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def chunks(items: Iterable[Item], most: int, *, weight: Callable[[Item], int] = lambda _: 1) -> Iterator[list[Item]]:
    """Yield lists of items whose weights add up to `most` at most; an item that is heavier makes a list by itself."""
    chunk: list[Item] = []
    total = 0
    for item in items:
        size = weight(item)
        if chunk and total + size > most:
            yield chunk
            chunk, total = [], 0
        chunk.append(item)
        total += size
    if chunk:
        yield chunk
