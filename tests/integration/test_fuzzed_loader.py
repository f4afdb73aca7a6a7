"""The loader's HTTP service, fuzzed by its own description."""

from datetime import UTC, datetime

import schemathesis
from pydantic import SecretStr

from common.loader_results import ExtractResult, LoadResult, MaintenanceResult
from loader.http_service import Steps, create_app
from tests.integration.fuzzing import fuzz

TOKEN = "the-token-of-this-test"
EXTRACTED = ExtractResult(
    documents=1, late_documents=0, total_documents=1, snapshot_id=None, watermark=datetime.now(UTC), seconds=0
)
LOADED = LoadResult(documents=1, rows=1, total_rows=1, load_id=1, full=False, seconds=0)
NOTHING = MaintenanceResult(
    files_compacted=0, files_written=0, snapshots_expired=0, orphans_deleted=0, bytes_freed=0, seconds=0
)


def test_the_loader_answers_as_its_description_says() -> None:
    steps = Steps(extract=lambda *_: EXTRACTED, load=lambda *_: LOADED, maintain=lambda _: NOTHING)
    description = schemathesis.openapi.from_asgi("/openapi.json", create_app(steps, SecretStr(TOKEN)))
    assert fuzz(description, {"Authorization": f"Bearer {TOKEN}"}) == 6
