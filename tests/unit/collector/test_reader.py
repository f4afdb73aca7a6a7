"""Reading a file in pieces, whatever the pieces, gives what reading it at once gives."""

import io
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.reader import Reading, read, retrace
from records.lines import identity

PIECES = (
    b'{"uuid":"u1","sessionId":"s"}', b'{"uuid":"u2"}', b'{"type":"mode"}', b'{"type":"mode"}', b'{"a":{"b":[1]}}',
    b'{"text":"\xc3\xa9\xf0\x9f\x8c\x8a"}', b'{"text":"caf\xe9"}', b'{"text":"\\ud800"}', b'{"n":99999999999999999999}',
    b'"text"', b"12", b"[1]", b"// comment", b'{"half":"', b"}", b"garbage", b"\xef\xbb\xbf", b"\0\0", b"\r", b" ",
    b"\n", b"\n", b"\r\n", b"\n\n",
)  # fmt: skip
contents = st.lists(st.sampled_from(PIECES), max_size=25).map(lambda pieces: b"".join(pieces) + b"\n")

Found = tuple[str, int, bytes, Any, str | None]


def read_up_to(reading: Reading, content: bytes, end: int) -> tuple[list[Found], bool]:
    found, split = [], False
    for physical in read(reading, io.BytesIO(content), end):
        split = split or physical.is_split
        found += [
            (identity(entry.line, entry.fingerprint, "stem", entry.repetition), entry.byte_offset, entry.line.raw,
             entry.line.value, entry.line.reason)
            for entry in physical.lines
        ]  # fmt: skip
    return found, split


@given(contents, st.lists(st.integers(0, 300)), st.booleans())
@example(b'{"type":"mode"}\xef\xbb\xbf\n' * 2, [19], True)
@settings(max_examples=400)
def test_any_way_of_appending_gives_the_same_lines(content: bytes, cuts: list[int], forget: bool) -> None:
    """Also when the reading is made again from the file each time, as after a restart."""
    whole, _ = read_up_to(Reading(), content, len(content))
    reading, split = Reading(), False
    found: list[Found] = []
    for end in [*sorted(min(cut, len(content)) for cut in cuts), len(content)]:
        grown = content[:end]
        if forget:
            again = retrace(io.BytesIO(grown), reading.offset, reading.digest, split_lines=split)
            assert again is not None
            reading = again
        some, some_split = read_up_to(reading, grown, end)
        found, split = found + some, split or some_split
    assert found == whole
    assert reading.offset == len(content)


@given(contents)
def test_every_byte_is_in_a_line_or_blank(content: bytes) -> None:
    rest = bytearray(content)
    for _, offset, raw, _, _ in read_up_to(Reading(), content, len(content))[0]:
        assert rest[offset : offset + len(raw)] == raw
        rest[offset : offset + len(raw)] = b" " * len(raw)
    assert not bytes(rest).replace(b"\xef\xbb\xbf", b"").strip(b" \t\r\n\0")


@pytest.mark.parametrize("tail", [b'{"half":', b"12", b'"text"', b"garbage", b'{"a":1} {"half"', b'{"a":1}\xef\xbb'])
def test_a_half_written_last_line_waits(tail: bytes) -> None:
    reading = Reading()
    found, _ = read_up_to(reading, b'{"uuid":"u"}\n' + tail, 13 + len(tail))
    assert len(found) == 1
    assert reading.offset == 13


def test_a_last_line_without_line_end_is_read_when_it_is_complete() -> None:
    """Transcripts that end so exist; the line end, when it comes, adds nothing."""
    reading, content = Reading(), b'{"uuid":"u"}'
    assert len(read_up_to(reading, content, len(content))[0]) == 1
    assert read_up_to(reading, content + b"\n\n", len(content) + 2)[0] == []
    assert reading.offset == len(content) + 2


def test_a_file_that_begins_otherwise_cannot_be_retraced() -> None:
    reading = Reading()
    read_up_to(reading, b'{"a":1}\n{"b":2}\n', 16)
    assert retrace(io.BytesIO(b'{"a":1}\n{"b":3}\n{"c":4}\n'), 16, reading.digest, split_lines=False) is None
    assert retrace(io.BytesIO(b'{"a":1}\n'), 16, reading.digest, split_lines=False) is None


def test_a_reading_sees_that_the_file_before_it_changed() -> None:
    reading = Reading()
    read_up_to(reading, b'{"a":1}\n', 8)
    assert reading.still_there(io.BytesIO(b'{"a":1}\n{"b":2}\n'))
    assert not reading.still_there(io.BytesIO(b'{"a":2}\n{"b":2}\n'))
    assert not reading.still_there(io.BytesIO(b"{"))
