"""With MASKING=everywhere no secret reaches the record store, and everything else is as without it."""

import json
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

import collector
from common.masking import MASK, Masker
from common.settings import load_settings
from loader.iceberg_rows import rows_of_lines
from loader.masked_secrets import masked_secrets
from records import RecordStore
from records.sqlite_store import SqliteStore
from records.store import EARLIEST
from tests.integration.collecting import append, write
from tests.unit.loader.planted_secrets import planted
from vault.transcripts import Wanted, give_back

SECRETS = list(planted(3))
PLAIN = b'{"type":"user","uuid":"plain","sessionId":"s","message":{"content":"hello"}}\n'
MODE = b'{"type":"mode"}\n'


@pytest.fixture(scope="module")
def masker() -> Masker:
    """The masker of these settings."""
    found = Masker.before_record_store(load_settings(masking="everywhere", fingerprint_key="a key for tests"))
    assert found
    return found


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    """Transcripts that hold each secret in a line, in a rejected line and in a sub-agent's note."""
    folder = tmp_path / "projects"
    lines = [
        json.dumps({"type": "user", "uuid": f"u{number}", "sessionId": "s", "message": {"content": secret.text}})
        for number, secret in enumerate(SECRETS)
    ]
    rejected = [f"{{broken {secret.text}".replace("\n", "\\n") for secret in SECRETS]
    content = PLAIN + "".join(f"{line}\n" for line in [*lines, *rejected]).encode() + MODE * 3
    write(folder / "p/s.jsonl", content)
    note = json.dumps({"description": f"use {SECRETS[1].text}"}, indent=1).encode()
    write(folder / "p/s/subagents/agent-1.meta.json", note)
    return folder


def _kept(store: RecordStore) -> bytes:
    lines = b"".join(line.content for line in store.read_after(EARLIEST))
    rejected = b"".join(line.raw for line in store.read_rejected(list(store.rejected_ids())))
    return lines + rejected + b"".join(part.content for part in store.all_layouts())


def test_no_secret_is_stored_and_ids_are_those_of_the_lines_as_they_were(
    store: RecordStore, projects: Path, masker: Masker, tmp_path: Path
) -> None:
    collector.collect(store, projects, "laptop", masker=masker)
    kept = _kept(store)
    assert [secret.name for secret in SECRETS if secret.secret.encode() in kept] == []
    assert len(MASK.findall(kept.decode("utf-8", "replace"))) >= 2 * len(SECRETS)
    with closing(SqliteStore(tmp_path / "unmasked.db")) as unmasked:
        collector.collect(unmasked, projects, "laptop")
        for some in ("read_after", "rejected_ids"):
            ids = [
                {line if isinstance(line, str) else line.line_id for line in found}
                for found in (
                    (kept_in.read_after(EARLIEST) if some == "read_after" else kept_in.rejected_ids())
                    for kept_in in (store, unmasked)
                )
            ]
            assert ids[0] == ids[1]


def test_what_is_read_again_is_known_and_what_is_appended_is_masked(
    store: RecordStore, projects: Path, masker: Masker
) -> None:
    first = collector.collect(store, projects, "laptop", masker=masker)
    assert collector.collect(store, projects, "laptop", masker=masker).lines == 0
    copy = projects / "q" / "s.jsonl"
    write(copy, (projects / "p/s.jsonl").read_bytes())
    again = collector.collect(store, projects, "laptop", masker=masker)
    assert (again.documents, again.duplicates) == (0, first.documents - 1)
    append(copy, b'{"uuid":"late","text":"' + SECRETS[1].text.encode() + b'"}\n')
    assert collector.collect(store, projects, "laptop", masker=masker).documents == 1
    assert SECRETS[1].secret.encode() not in _kept(store)


def test_a_masked_secret_is_counted_as_if_the_loader_had_masked_it(
    projects: Path, masker: Masker, tmp_path: Path
) -> None:
    counted = []
    for name, before in (("masked", masker), ("plain", None)):
        with closing(SqliteStore(tmp_path / f"{name}.db")) as store:
            collector.collect(store, projects, "laptop", masker=before)
            rows = rows_of_lines(list(store.read_after(EARLIEST)), store.now(), masker)
            documents = pa.table({"document_id": rows["document_id"], "document": rows["document"]})
            counted.append(sorted(masked_secrets(documents)))
    assert counted[0] == counted[1]
    assert len(counted[0]) >= len(SECRETS)


def test_a_transcript_is_given_back_with_masks_and_says_so(
    store: RecordStore, projects: Path, masker: Masker, tmp_path: Path
) -> None:
    collector.collect(store, projects, "laptop", masker=masker)
    given = {back.path.name: back for back in give_back(store, Wanted(session="s"), tmp_path / "back")}
    assert {back.problem for back in given.values()} == {None}
    assert given["s.jsonl"].note == (
        f"the secrets of {2 * len(SECRETS)} lines are masked, as they are stored (MASKING=everywhere)"
    )
    written = given["s.jsonl"].path.read_bytes().split(b"\n")
    original = (projects / "p/s.jsonl").read_bytes().split(b"\n")
    assert [now for now, was in zip(written, original, strict=True) if now == was] == [
        PLAIN[:-1],
        *[MODE[:-1]] * 3,
        b"",
    ]
    assert all(MASK.search(now.decode()) for now, was in zip(written, original, strict=True) if now != was)
    assert "are masked" in (given["agent-1.meta.json"].note or "")


def test_without_secrets_everything_is_byte_for_byte(store: RecordStore, masker: Masker, tmp_path: Path) -> None:
    write(tmp_path / "projects/p/s.jsonl", PLAIN + MODE * 2)
    collector.collect(store, tmp_path / "projects", "laptop", masker=masker)
    [back] = give_back(store, Wanted(session="s"), tmp_path / "back")
    assert (back.problem, back.note) == (None, None)
    assert back.path.read_bytes() == PLAIN + MODE * 2
