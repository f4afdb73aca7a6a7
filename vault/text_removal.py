"""Expired texts: the values to keep replace them in the record store, under a request in the log of forgetting.

The request is recorded before the first text is removed, so that Iceberg is rewritten and anything left is searched
for, by the next run if this one is killed. The request has no marks: nothing is refused.
"""

import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from common.chunks import chunks
from records import RecordStore
from records.forgotten import TEXT, ForgetRequest, keys_of, mark_of
from records.layouts import WHOLE, LayoutPart
from records.reduced import original_length, reduced, without_bytes
from records.sweep import all_lines, all_rejected
from vault.cleaning import samples_in
from vault.forget import keep_samples, unfinished
from vault.search import not_in
from vault.selection import Sampler

_AT_ONCE = 500
_SEARCHED_BYTES = 8 * 1024 * 1024


def begin_text(store: RecordStore, before: datetime, lines: int) -> ForgetRequest:
    """Write down that the texts of this many lines from before a moment are removed."""
    requests = store.forget_requests()
    keys = keys_of(requests)
    key = keys[-1] if keys else secrets.token_hex(32)
    request = ForgetRequest(
        id=secrets.token_hex(8),
        kind=TEXT,
        subject=mark_of(key, f"subject {TEXT}", before.isoformat()),
        asked_by="TEXT_RETENTION_DAYS",
        asked_at=datetime.now(UTC),
        reason=f"texts from before {before:%Y-%m-%d %H:%M} UTC",
        key=key,
        counts={"lines": lines},
    )
    store.save_forget_request(request)
    return request


def reduce_lines(store: RecordStore, data_dir: Path, removed: Mapping[str, dict[str, Any]]) -> int:
    """Replace the texts of these lines, by their ids, with the values to keep; return how many had texts."""
    sampler, shorter = Sampler(), []
    for line in store.read_lines(list(removed)):  # one at a time: each may have 100 MB
        if original_length(line.content) is None:
            sampler.add(line.content)
            shorter.append(reduced(line, removed[line.line_id]))
    _add_samples(store, data_dir, sampler.texts())
    store.rewrite_lines(shorter)
    return len(shorter)


def blank_lines(store: RecordStore, data_dir: Path, line_ids: Iterable[str]) -> int:
    """Overwrite rejected lines with question marks; return how many had any other bytes."""
    changed = 0
    for some in chunks(line_ids, _AT_ONCE):
        whole = [line for line in store.read_rejected(some) if line.raw.strip(b"?")]
        sampler = Sampler()
        for line in whole:
            sampler.add(line.raw)
        _add_samples(store, data_dir, sampler.texts())
        store.rewrite_rejected([without_bytes(line) for line in whole])
        changed += len(whole)
    return changed


def end_text(store: RecordStore, data_dir: Path) -> None:
    """Delete notes of sub-agents as they were read, search for no text that is kept, and erase what was deleted."""
    drop_notes(store)
    requests = [request.id for request in unfinished(store) if request.kind == TEXT]
    if requests:
        for request_id in requests:
            keep_samples(data_dir, request_id, _gone(store, samples_in(data_dir, [request_id])))
    store.erase()


def drop_notes(store: RecordStore) -> int:
    """Delete what is kept of sub-agents' notes as they were read where the lines made of them have no text any more."""
    notes = [part for part in store.all_layouts() if part.byte_offset == WHOLE]
    gone = [part for part in notes if _is_reduced(store, part)]
    if gone:
        store.delete_layouts(gone)
    return len(gone)


def _is_reduced(store: RecordStore, note: LayoutPart) -> bool:
    ids = [line.line_id for line in store.lines_of(note.host, {note.source_file})]
    return any(original_length(line.content) is not None for line in store.read_lines(ids))


def _add_samples(store: RecordStore, data_dir: Path, texts: list[str]) -> None:
    """Keep a few of the texts to search for, with those of earlier batches."""
    request = next((request for request in reversed(unfinished(store)) if request.kind == TEXT), None)
    if request and texts:
        kept = samples_in(data_dir, [request.id])
        keep_samples(data_dir, request.id, Sampler.few([*kept, *texts]))


def _gone(store: RecordStore, samples: list[str]) -> list[str]:
    """Return the samples that no line holds any more: others say the same, or what is kept does."""
    contents = chain((line.content for line in all_lines(store)), (line.raw for line in all_rejected(store)))
    for some in chunks(contents, _SEARCHED_BYTES, weight=len):
        samples = not_in(b"\n".join(some), samples)
    return samples
