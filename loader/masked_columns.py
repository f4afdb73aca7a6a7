"""Masks secrets in columns of text: only texts in which a secret may begin are passed to the detectors."""

from bisect import bisect_left

import pyarrow as pa

from common.masking import Masker


def masked_documents(masker: Masker, documents: pa.Array) -> pa.ChunkedArray:
    """Return documents with their secrets masked; those without any are not copied."""
    masked = {
        place: text
        for place in may_hold_secrets(masker, documents)
        if (text := masker.document(raw := documents[place].as_py().encode())) != raw
    }
    parts, end = [], 0
    for place, text in masked.items():  # in the order of their places
        parts += [documents[end:place], pa.array([text], pa.binary()).cast(documents.type)]
        end = place + 1
    return pa.chunked_array([*parts, documents[end:]])


def masked_texts(masker: Masker, contents: list[bytes]) -> list[bytes]:
    """Return texts of any encoding with their secrets masked."""
    masked = list(contents)
    texts = pa.array([content.decode("utf-8", "replace") for content in contents], pa.string())
    for place in may_hold_secrets(masker, texts):
        masked[place] = masker.text(contents[place])
    return masked


def may_hold_secrets(masker: Masker, texts: pa.StringArray) -> list[int]:
    """Return the places of the texts in which a secret may begin.

    They are searched in one pass, because they are contiguous in Arrow's memory. A match across two of them passes the
    second one to the detectors, which find nothing more in it.
    """
    _, offsets, content = texts.buffers()
    if not texts or not content:
        return []
    ends = memoryview(offsets).cast("i")[texts.offset : texts.offset + len(texts) + 1]
    places = set()
    masker.beginnings.search(memoryview(content)[: ends[-1]], lambda _, end: places.add(bisect_left(ends, end) - 1))
    return sorted(place for place in places if place >= 0)  # negative: before a sliced array
