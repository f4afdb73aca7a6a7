"""Streams: cut into lists of bounded length or size, and read one item ahead."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
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


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items, the next one being fetched by another thread meanwhile; for a source that waits for a server."""
    source = iter(items)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(_next, source)
        while found := coming.result():
            coming = pool.submit(_next, source)
            yield found[0]


def _next(source: Iterator[Item]) -> tuple[Item] | None:
    for item in source:
        return (item,)
    return None
