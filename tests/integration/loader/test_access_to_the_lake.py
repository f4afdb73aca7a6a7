"""Who may read and write the lake: the loader's keys alone, of which no log says the id."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pyiceberg.exceptions import RESTError

from common.catalog import CONVERSATIONS, open_catalog, open_table
from tests.integration.weed import Weed

START = Path(__file__).resolve().parents[3] / "services/iceberg/start.sh"


@pytest.fixture(scope="module")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    server = Weed(tmp_path_factory.mktemp("lake"))
    server.wait()
    yield server
    server.close()


def test_the_server_logs_neither_the_id_of_a_key_nor_a_key(weed: Weed) -> None:
    log = weed.log.read_text(encoding="utf-8", errors="replace")
    assert "iceberg-tables" in log
    for secret in (weed.settings.s3_access_key_id, weed.settings.s3_secret_access_key):
        assert secret is not None
        assert secret.get_secret_value() not in log


def test_wrong_keys_open_neither_the_catalog_nor_the_store(weed: Weed) -> None:
    stranger = weed.settings.model_copy(update={"s3_access_key_id": None, "s3_secret_access_key": None})
    with pytest.raises((RESTError, OSError)):
        open_table(open_catalog(stranger), CONVERSATIONS)
    assert requests.get(f"{weed.settings.s3_endpoint}/iceberg-tables", timeout=30).status_code == 403


def test_the_appliance_gives_the_server_the_same_identity_as_the_tests(weed: Weed) -> None:
    """Its start script writes the file that the tests write."""
    (given,) = re.findall(r"<<END\n(.*?)\nEND", START.read_text(encoding="utf-8"), re.DOTALL)
    (ours,) = json.loads(re.sub(r"\$\([^)]*\)", "x", given))["identities"]
    (tests,) = json.loads((weed.log.parent / "identities.json").read_text(encoding="utf-8"))["identities"]
    assert {name: ours[name] for name in ("name", "actions")} == {name: tests[name] for name in ("name", "actions")}
    assert set(ours["credentials"][0]) == set(tests["credentials"][0])
