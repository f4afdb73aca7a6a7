"""Reading ahead: in order, bounded, and an error of the source reaches who reads."""

import threading
from collections.abc import Iterator

import pytest

from common.chunks import ahead

PATIENCE_SECONDS = 30


class Source:
    """Ten batches of ten bytes; `taken` grows as they are fetched."""

    def __init__(self, *, breaks: bool = False) -> None:
        self.taken, self.breaks = 0, breaks
        self.has_three = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        for number in range(10):
            self.taken += 1
            if self.taken == 3:
                self.has_three.set()
            yield bytes([number]) * 10
        if self.breaks:
            raise OSError("the server went away")


def test_every_batch_comes_in_order() -> None:
    assert [batch[0] for batch in ahead(Source(), 30)] == list(range(10))


def test_so_much_is_fetched_while_nobody_reads_and_no_more() -> None:
    source = Source()
    batches = ahead(source, 30)
    next(batches)
    assert source.has_three.wait(PATIENCE_SECONDS)
    batches.close()
    assert source.taken <= 5


def test_what_the_source_raises_comes_after_its_batches() -> None:
    batches = ahead(Source(breaks=True), 30)
    assert [next(batches)[0] for _ in range(10)] == list(range(10))
    with pytest.raises(OSError, match="went away"):
        next(batches)
