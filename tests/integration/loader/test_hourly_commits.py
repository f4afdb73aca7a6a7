"""Iceberg under hourly appends with a maintenance each day: files, snapshots and metadata do not grow with the days.

CLAUDE_ANALYTICS_DAYS sets how many days are played (365: 8,760 commits, some minutes); without it, a few.
"""

import os
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from common.catalog import CONVERSATIONS, open_catalog, open_table
from common.settings import Settings, load_settings
from loader.table_maintenance import maintain
from loader.table_state import TableState
from records import Place, StoredLine

DAYS = int(os.environ.get("CLAUDE_ANALYTICS_DAYS", "3"))
KEPT_DAYS = 1
"""Days whose snapshots stay; the appliance keeps seven, which takes longer to play."""
PREVIOUS_METADATA = 100
"""Metadata files that pyiceberg keeps beside the current one."""
HOURS, LINES = 24, 3
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Size(NamedTuple):
    """What the table consists of."""

    snapshots: int
    data_files: int
    manifests: int
    metadata_files: int
    metadata_bytes: int
    """Of the current metadata file, which every commit writes again."""


def test_a_table_stays_small_under_hourly_commits(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    ends: deque[datetime] = deque(maxlen=KEPT_DAYS)
    sizes = [_play_day(settings, day, ends) for day in range(DAYS)]
    early, last = sizes[KEPT_DAYS], sizes[-1]
    spare = 4 * (DAYS // 30 + 1)  # a month may end with a few files too few to be worth a commit
    assert last.snapshots <= early.snapshots + spare
    assert last.data_files <= early.data_files + spare
    assert last.manifests <= early.manifests + spare
    assert last.metadata_files <= PREVIOUS_METADATA + 1
    assert last.metadata_bytes <= 2 * early.metadata_bytes
    table = open_table(open_catalog(settings), CONVERSATIONS)
    assert table.scan(selected_fields=("document_id",)).to_arrow().num_rows == DAYS * HOURS * LINES


def _play_day(settings: Settings, day: int, ends: "deque[datetime]") -> Size:
    """Append a day's lines hour by hour, then do the maintenance; what is older than the days kept goes."""
    catalog = open_catalog(settings)
    for hour in range(HOURS):
        moment = FIRST_DAY + timedelta(days=day, hours=hour)
        TableState(open_table(catalog, CONVERSATIONS)).append(_lines(moment), moment)
    age = datetime.now(UTC) - ends[0] if len(ends) == KEPT_DAYS else timedelta(days=1)
    maintain(catalog, snapshot_age=age, orphan_age=timedelta(0))
    ends.append(datetime.now(UTC))
    return _size(settings)


def _lines(moment: datetime) -> list[StoredLine]:
    content = f'{{"type":"user","timestamp":"{moment.isoformat()}"}}'.encode()
    place = Place("host", "project", "file.jsonl", 0)
    return [
        StoredLine(f"{moment.isoformat()} {number}", None, None, "user", place, moment, content)
        for number in range(LINES)
    ]


def _size(settings: Settings) -> Size:
    table = open_table(open_catalog(settings), CONVERSATIONS)
    conversations = settings.data_dir / "iceberg" / "warehouse" / "raw" / "conversations"
    return Size(
        snapshots=len(table.metadata.snapshots),
        data_files=len(list(conversations.rglob("*.parquet"))),
        manifests=len(list(conversations.rglob("*.avro"))),
        metadata_files=len(list(conversations.rglob("*.metadata.json"))),
        metadata_bytes=len(table.metadata.model_dump_json()),
    )
