"""Notes from a tool's output beyond its limit: the lines that report its result, or that a person stopped it.

A commit hook may print pages before git reports the commit. The models decide how these lines count.
"""

import re
from collections.abc import Iterator

MOST = 100
"""The most lines kept of one output."""
_COMMIT = re.compile(r"^\[[^\]\n]{1,1000} [0-9a-f]{7,40}\] ", re.MULTILINE)
_PULL_REQUEST = re.compile(r"https?://[^\s/]{1,300}/\S{1,1000}?/(?:pull|-/merge_requests)/\d{1,20}", re.ASCII)
_KNOWN = re.compile("already exists")
_STOPPED = re.compile(r"^\[Request interrupted by user", re.MULTILINE)
_NOTES = (
    (("[",), _COMMIT),
    (("/pull/", "/merge_requests/"), _PULL_REQUEST),
    (("already exists",), _KNOWN),
    (("[Request interrupted",), _STOPPED),
)
"""Words that an output must contain to be searched: most contain none, and may be large."""


def notes_beyond(texts: list[str], limit: int) -> tuple[int, str | None]:
    """Return where to cut an output, and the notes behind the cut.

    Args:
        texts: The parts of the output, each beginning on a new line.
        limit: The characters to keep.

    Returns:
        The limit, or where a note begins that the limit would cut in two; and the notes, a line each, None without any.
    """
    cut, offset, kept = limit, 0, list[str]()
    for text in texts:
        if offset + len(text) > limit:
            for start, end, note in _notes(text):
                if offset + end > limit and len(kept) < MOST:
                    cut = min(cut, offset + start)
                    kept.append(note)
        offset += len(text) + 1
    return cut, "\n".join(kept) or None


def _notes(text: str) -> Iterator[tuple[int, int, str]]:
    for words, pattern in _NOTES:
        if any(word in text for word in words):
            yield from ((found.start(), found.end(), found[0]) for found in pattern.finditer(text))
