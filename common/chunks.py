"""Streams: cut into lists of bounded length or size, and read ahead."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")


def chunks(items: Iterable[Item], most: int, *, weight: Callable[[Item], int] = lambda _: 1) -> Iterator[list[Item]]:
    """Yield lists of items with a total weight of at most `most`; a heavier item gets its own list."""
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


def ahead(batches: Iterable[bytes], most: int) -> Generator[bytes, None, None]:
    """Yield the batches of a slow source, while another thread prefetches up to about `most` bytes."""
    found: SimpleQueue[bytes | None] = SimpleQueue()
    taken = threading.Condition()
    waiting, is_over = 0, False

    def has_room() -> bool:
        return waiting < most or is_over

    def fetch() -> None:
        nonlocal waiting
        try:
            for batch in batches:
                found.put(batch)
                with taken:
                    waiting += len(batch)
                    taken.wait_for(has_room)
                if is_over:
                    return
        finally:
            found.put(None)

    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(fetch)
        try:
            while (batch := found.get()) is not None:
                with taken:
                    waiting -= len(batch)
                    taken.notify()
                yield batch
            fetching.result()  # raises the source's exception
        finally:
            with taken:
                is_over = True
                taken.notify()
