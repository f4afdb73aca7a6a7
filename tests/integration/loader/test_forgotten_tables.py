"""What was forgotten leaves no row, no snapshot and no file of Iceberg, on local files and behind REST and S3."""

from datetime import UTC, datetime

from common.catalog import CONVERSATIONS, open_table
from records.forgotten import LINE, ForgetRequest, Mark, mark_of
from records.mongo_store import MongoStore
from records.sweep import sweep
from tests.integration.loader.conftest import Extraction, minutes
from vault.proof import search_tables

TEXT = "a quite particular sentence about apples"


def test_no_file_of_iceberg_holds_what_was_forgotten(extraction: Extraction) -> None:
    now = datetime.now(UTC)
    extraction.insert("gone", at=now - minutes(5), text=TEXT)
    extraction.run()
    extraction.insert("kept", at=now - minutes(4), text="something else")
    extraction.run()
    assert set(search_tables(extraction.catalog, [TEXT]).values()) == {TEXT}
    store, key = MongoStore(extraction.database), "00" * 32
    store.add_marks([Mark(mark_of(key, LINE, "gone"), "r")])
    store.save_forget_request(ForgetRequest("r", "session", "hash", "me", now, None, key))
    assert sweep(store).lines == 1
    extraction.run()
    assert extraction.ids() == ["kept"]
    assert search_tables(extraction.catalog, [TEXT]) == {}
    assert len(open_table(extraction.catalog, CONVERSATIONS).metadata.snapshots) == 1
