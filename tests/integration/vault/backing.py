"""What the tests of backups share: a collected history, everything that a record store holds, another store."""

import random
from contextlib import closing
from typing import Any

import pytest
from pydantic import SecretStr

import collector
from common.settings import Settings
from records import open_store
from records.store import EARLIEST
from scheduler.runner import open_history
from tests.integration.collecting import write


def on_mongo(settings: Settings, request: pytest.FixtureRequest, name: str) -> Settings:
    uri = SecretStr(request.getfixturevalue("mongo_server"))
    return settings.model_copy(update={"mongo_uri": uri, "mongo_database": f"{name}_{random.randrange(10**9)}"})


def collect(settings: Settings) -> None:
    with closing(open_store(settings)) as store:
        collector.collect(store, settings.transcripts_dir, settings.host_name)
    open_history(settings).set_state("kept", "in the history of runs")
    write(settings.data_dir / "plan_limits.jsonl", b'{"limit":1}\n')
    write(settings.data_dir / "cost-centres.yaml", b"rules: []\n")
    write(settings.data_dir / "statements" / "2026-10.v1.json", b'{"month":"2026-10"}\n')


def contents(settings: Settings) -> dict[str, Any]:
    """Everything that a record store holds."""
    with closing(open_store(settings)) as store:
        return {
            "lines": sorted(store.read_after(EARLIEST), key=lambda line: line.line_id),
            "rejected": sorted(store.read_rejected(list(store.rejected_ids())), key=lambda line: line.line_id),
            "states": sorted((state.to_document() for state in store.all_states()), key=lambda state: state["_id"]),
            "layouts": sorted(store.all_layouts(), key=lambda part: part.id),
        }


def silent(_: str) -> None:
    pass
