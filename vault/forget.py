"""Forgets on request: records what is refused from now on, then deletes it from the record store.

The request and its marks are stored before the first deletion. If it is killed after that, the next run finishes it:
it deletes whatever the marks refuse, in the record store, in Iceberg and in everything built from it.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from common.chunks import chunks
from common.loader_results import ForgetLog
from common.private_files import replace_file
from records import RecordStore
from records.forgotten import LINE, SESSION, ForgetRequest, Mark, keys_of, mark_of
from vault.cleaning import SAMPLES, samples_by_request
from vault.selection import Selection

_AT_ONCE = 20_000


def begin(
    store: RecordStore,
    selection: Selection,
    data_dir: Path,
    asked_by: str,
    reason: str | None = None,
    counts: dict[str, float] | None = None,
) -> ForgetRequest:
    """Record a request, its marks and the samples to search for at its end. Nothing is deleted yet."""
    keys = keys_of(store.forget_requests())
    key = keys[-1] if keys else secrets.token_hex(32)
    request = ForgetRequest(
        id=secrets.token_hex(8),
        kind=selection.kind,
        subject=mark_of(key, f"subject {selection.kind}", selection.value),
        asked_by=asked_by,
        asked_at=datetime.now(UTC),
        reason=reason,
        key=key,
        counts=counts or {},
    )
    keep_samples(data_dir, request.id, selection.samples)
    with store.transaction():
        for some in chunks(_marks(selection, request), _AT_ONCE):
            store.add_marks(some)
        store.save_forget_request(request)
    return request


def _marks(selection: Selection, request: ForgetRequest) -> Iterator[Mark]:
    for kind, names in ((LINE, selection.lines | selection.rejected), (SESSION, selection.marked)):
        yield from (Mark(mark_of(request.key, kind, name), request.id) for name in sorted(names))


def unfinished(store: RecordStore) -> list[ForgetRequest]:
    """Return the requests of which something may be left."""
    return [request for request in store.forget_requests() if request.finished_at is None]


def finish(store: RecordStore, data_dir: Path, proof: str) -> None:
    """Record in the log that nothing is left, then delete the samples."""
    for request in unfinished(store):
        store.save_forget_request(request.finished(proof))
    with suppress(FileNotFoundError):
        (data_dir / SAMPLES).unlink()


def keep_samples(data_dir: Path, request_id: str, samples: list[str]) -> None:
    """Store the samples to search for at the end of a request, readable only by their owner."""
    kept = samples_by_request(data_dir) | {request_id: samples}
    replace_file(data_dir / SAMPLES, json.dumps(kept).encode())


def log_of(store: RecordStore) -> ForgetLog:
    """Return the log of requests for people: without the key."""
    documents = [request.to_document() for request in store.forget_requests()]
    return ForgetLog(entries=[{name: value for name, value in entry.items() if name != "key"} for entry in documents])
