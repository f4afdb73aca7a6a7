"""Nothing is skipped and nothing is extracted twice, whatever the clocks, the ids and the moment say."""

import json
import math
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.catalog import CONVERSATIONS, open_table
from tests.integration.collecting import collect, write
from tests.integration.loader.conftest import LONG_AGO, Extraction, minutes


def test_each_document_is_extracted_once(extraction: Extraction) -> None:
    """A second extract finds nothing."""
    extraction.insert("a", "b")
    assert extraction.run().documents == 2
    second = extraction.run()
    assert (second.documents, second.total_documents) == (0, 2)
    assert extraction.ids() == ["a", "b"]


def test_an_extract_without_anything_new_commits_nothing(extraction: Extraction) -> None:
    """The table's snapshot stays what it was."""
    extraction.insert("a")
    extraction.run()
    assert extraction.run().snapshot_id == extraction.run().snapshot_id


def test_documents_at_the_very_moment_of_the_watermark_are_not_skipped(extraction: Extraction) -> None:
    """Many documents share one ingestedAt, and not all of them were there last time."""
    extraction.insert("a", "b")
    extraction.run()
    extraction.insert("c", "d")
    assert extraction.run().documents == 2
    assert extraction.ids() == ["a", "b", "c", "d"]


def test_documents_that_arrive_late_are_found(extraction: Extraction) -> None:
    """A writer whose clock is minutes, or months, behind loses nothing."""
    extraction.insert("now", at=LONG_AGO + minutes(60))
    extraction.run()
    extraction.insert("minutes", at=LONG_AGO + minutes(55))
    extraction.insert("months", at=LONG_AGO - minutes(200_000))
    result = extraction.run()
    assert (result.documents, result.late_documents) == (2, 2)
    assert extraction.ids() == ["minutes", "months", "now"]


def test_a_clock_that_runs_ahead_hides_nobody_elses_documents(extraction: Extraction) -> None:
    """The watermark does not follow a document into the future."""
    extraction.insert("ahead", at=datetime(2199, 1, 1, tzinfo=UTC))
    extraction.run()
    extraction.insert("right", at=datetime.now(UTC))
    result = extraction.run()
    assert (result.documents, result.late_documents) == (1, 0)
    assert extraction.ids() == ["ahead", "right"]


def test_ids_of_every_type_and_dates_of_none_are_extracted(extraction: Extraction) -> None:
    """Another tool's documents are as good as ours: their ids stay apart."""
    same = ObjectId()
    extraction.insert(str(same), same, 7, "7", 7.5, Binary(b"7"))
    extraction.insert("no date", at=None)
    extraction.insert("text for a date", at="2026-01-01")
    extraction.insert("far away", at=datetime(9999, 12, 31, 12, tzinfo=UTC))
    extraction.insert("several", at=[LONG_AGO, LONG_AGO + minutes(90)])
    assert extraction.run().documents == 10
    extraction.insert("beside them", at=LONG_AGO)
    extraction.insert("late", at=LONG_AGO + minutes(90))
    assert [extraction.run().documents, extraction.run().documents] == [2, 0]
    assert len(set(extraction.ids())) == len(extraction.ids()) == 12


def test_a_document_stamped_again_is_kept_once(extraction: Extraction) -> None:
    """An upsert that renews ingestedAt brings the newer version, and the older one goes."""
    extraction.insert("a", "b", version=1)
    extraction.run()
    extraction.conversations.update_one({"_id": "a"}, {"$set": {"ingestedAt": LONG_AGO + minutes(600), "version": 2}})
    extraction.run()
    assert extraction.ids() == ["a", "b"]
    assert json.loads(extraction.documents()["a"])["version"] == 2
    assert extraction.run().documents == 0


def test_a_document_deleted_in_mongodb_is_put_back(extraction: Extraction) -> None:
    """Each copy rebuilds the other; what was lost on one side comes back as it was."""
    extraction.insert("a", "b", version=1)
    extraction.run()
    extraction.conversations.delete_one({"_id": "a"})
    result = extraction.run()
    assert (result.documents, result.restored_documents) == (0, 1)
    assert extraction.conversations.find_one({"_id": "a"}) == {"_id": "a", "ingestedAt": LONG_AGO, "version": 1}
    snapshot = extraction.run().snapshot_id
    assert extraction.run().snapshot_id == snapshot
    extraction.insert("late", at=LONG_AGO - minutes(600))
    extraction.run()
    assert extraction.ids() == ["a", "b", "late"]


def test_a_full_refresh_gives_the_same_table(extraction: Extraction) -> None:
    """Everything comes again, under later extraction times."""
    extraction.insert("a", "b")
    extraction.run()
    assert extraction.run(full_refresh=True).documents == 2
    assert extraction.ids() == ["a", "b"]


def test_small_batches_and_a_kill_between_two_of_them_lose_nothing(
    extraction: Extraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each commit carries the watermark that is true of it."""
    module = sys.modules["loader.extract"]  # as an attribute of the room that name is the function
    monkeypatch.setattr(module, "BATCH_BYTES", 1_000)
    for position in range(24):
        extraction.insert(f"{position:02}", at=LONG_AGO + minutes(position / 30), text="x" * 150)
    calls = []

    def die_in_the_third(done: int, total: int | None) -> None:
        calls.append(done)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extraction.run(progress=die_in_the_third)
    kept = len(extraction.ids())
    assert 0 < kept < 24
    assert extraction.run().documents == 24 - kept
    assert extraction.ids() == [f"{position:02}" for position in range(24)]


def test_a_writer_at_work_all_the_while_loses_nothing(extraction: Extraction) -> None:
    """Batches arrive while the extract reads; the next ones pick them up."""
    stop = threading.Event()

    def write() -> None:
        for number in range(40):
            extraction.insert(*(f"{number}-{index}" for index in range(25)), at=datetime.now(UTC))
            stop.wait(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    found = 0
    while writer.is_alive():
        found += extraction.run().documents
    writer.join()
    found += extraction.run().documents
    ids = extraction.ids()
    assert (found, len(ids), len(set(ids))) == (1000, 1000, 1000)


def test_types_that_json_lacks_keep_their_type(extraction: Extraction) -> None:
    """The document is extended JSON: nothing becomes null or text by accident."""
    number = ObjectId("64b000000000000000000001")
    extraction.insert("a", nan=math.nan, ref=number, big=2**62, raw=Binary(b"\x00\xff"), text="ü\u0000😀")
    extraction.run()
    document = json.loads(extraction.documents()["a"])
    assert document["nan"] == {"$numberDouble": "NaN"}
    assert document["ref"] == {"$oid": str(number)}
    assert document["big"] == 2**62
    assert document["raw"] == {"$binary": {"base64": "AP8=", "subType": "00"}}
    assert document["text"] == "ü\u0000😀"
    assert document["ingestedAt"] == {"$date": "2026-01-01T00:00:00Z"}


def test_a_line_kept_in_parts_is_whole_in_iceberg(extraction: Extraction) -> None:
    """The parts are put together, whatever order they are stored in."""
    line = json.dumps({"type": "user", "sessionId": "s", "message": {"content": "x" * 300}}).encode()
    halves = [(1, line[150:]), (0, line[:150])]
    extraction.database.conversation_parts.insert_many(
        [{"_id": f"big:{part}", "conversationId": "big", "part": part, "data": Binary(data)} for part, data in halves]
    )
    extraction.insert("big", sessionId="s", oversized={"bytes": len(line), "parts": 2, "reason": "test"})
    extraction.run()
    document = json.loads(extraction.documents()["big"])
    assert document["message"] == {"content": "x" * 300}
    assert document["_id"] == "big"


def test_a_line_that_bson_cannot_hold_reaches_iceberg_byte_for_byte(extraction: Extraction, tmp_path: Path) -> None:
    """As the collector keeps it: in parts, or beside a document that differs from it."""
    odd = [b'"\\ud83d"', b"9" * 30, b"9" * 5000, b"-1e400", b"NaN", b"1.50", b"[" * 200 + b"]" * 200]
    lines = [b'{"type":"user","_id":7,"message":{"content":[{"text":"hi"}]},"x":%b}' % value for value in odd]
    lines += [b'{ "type": "mode" }', '{"type":"user","x":"é"}'.encode()]
    write(tmp_path / "projects/p/s.jsonl", b"\n".join([*lines, b'{"type":"user","x":"caf\xe9"}', b""]))
    collect(extraction.database, tmp_path / "projects")
    extraction.run()
    rows = open_table(extraction.catalog, CONVERSATIONS).scan().to_arrow().to_pylist()
    exact = [row["exact_line"] or row["document"].encode() for row in sorted(rows, key=lambda row: row["byte_offset"])]
    assert exact == [*lines, b'{"type":"user","x":"caf\xe9"}']
    assert [row["document"] for row in rows if row["exact_line"]] == ['{"type":"user","x":"caf\ufffd"}']


def test_the_watermark_is_in_the_commit_that_holds_the_rows(extraction: Extraction) -> None:
    """Progress beside the data could be ahead of it, or behind."""
    extraction.insert("a")
    result = extraction.run()
    snapshot = open_table(extraction.catalog, CONVERSATIONS).current_snapshot()
    assert snapshot is not None
    assert snapshot.summary is not None
    assert result.watermark is not None
    assert snapshot.summary.additional_properties["claude-analytics.watermark"] == result.watermark.isoformat()


def test_a_table_whose_history_was_expired_goes_on_without_doubling(extraction: Extraction) -> None:
    """Without our own keys every document is compared by its id."""
    extraction.insert("a", "b")
    extraction.run()
    table = open_table(extraction.catalog, CONVERSATIONS)
    table.overwrite(table.scan().to_arrow())
    table.maintenance.expire_snapshots().older_than(datetime.now()).commit()  # noqa: DTZ005 (pyiceberg wants it naive)
    extraction.insert("c")
    assert extraction.run().documents == 1
    assert extraction.ids() == ["a", "b", "c"]


NO_PROGRESS = {"claude-analytics.extracted-at": "2026-01-01T00:00:00+00:00"}
"""What an extract records that has read nothing yet."""
_MOMENT = st.one_of(
    st.none(),
    st.just("2026-01-01"),
    st.just([LONG_AGO, LONG_AGO + minutes(1_000)]),
    st.integers(-100_000, 100_000).map(lambda position: LONG_AGO + minutes(position)),
    st.integers(0, 3).map(lambda _: LONG_AGO),
)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(_MOMENT, max_size=6), min_size=1, max_size=4))
def test_any_arrivals_over_any_extracts_give_every_document_once(
    extraction: Extraction, rounds: list[list[Any]]
) -> None:
    """In whatever order moments arrive and extracts run."""
    extraction.conversations.delete_many({})
    if extraction.ids():
        open_table(extraction.catalog, CONVERSATIONS).delete("document_id is not null", snapshot_properties=NO_PROGRESS)
    names: list[str] = []
    for moments in rounds:
        for moment in moments:
            extraction.insert(name := f"{len(names):03}", at=moment)
            names.append(name)
        extraction.run()
    assert extraction.ids() == names
