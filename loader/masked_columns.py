"""Masks secrets in columns of text: only texts in which Arrow found how a secret begins are shown to the detectors."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce

import pyarrow as pa
import pyarrow.compute as pc

from common.masking import BEGINNINGS, Masker


def masked_documents(masker: Masker, documents: pa.Array) -> pa.Array:
    """Return documents with their secrets masked; the array itself where there are none."""
    masked = {
        place: text
        for place in _may_hold_secrets(documents)
        if (text := masker.document(raw := documents[place].as_py().encode())) != raw
    }
    if not masked:
        return documents
    mask = pa.array([place in masked for place in range(len(documents))])
    texts = pa.array(masked.values(), pa.binary()).cast(documents.type)  # in the order of their places
    replaced: pa.Array = pc.replace_with_mask(documents, mask, texts)
    return replaced


def masked_texts(masker: Masker, contents: list[bytes]) -> list[bytes]:
    """Return texts of any encoding with their secrets masked."""
    masked = list(contents)
    texts = pa.array([content.decode("utf-8", "replace") for content in contents], pa.string())
    for place in _may_hold_secrets(texts):
        masked[place] = masker.text(contents[place])
    return masked


def _may_hold_secrets(texts: pa.Array) -> list[int]:
    """Return the places of the texts in which a secret may begin."""
    with ThreadPoolExecutor(len(BEGINNINGS)) as threads:  # Arrow searches without Python's lock
        found = reduce(pc.or_, threads.map(partial(pc.match_substring_regex, texts), BEGINNINGS))
    places: list[int] = pc.indices_nonzero(found).to_pylist()
    return places
