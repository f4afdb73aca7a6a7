"""Forgetting as the appliance has it: the vault deletes from MongoDB over HTTP, the scheduler searches its files."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from pydantic import SecretStr

import collector
import loader
from cli.appliance.forgetting import ApplianceForgetting, VaultRequests
from common.catalog import open_catalog
from common.errors import AnalyticsError
from common.settings import Settings
from records import open_store
from records.reduced import original_length
from scheduler.forget_steps import NotForgottenError
from scheduler.loader_client import HttpVault
from tests.integration.collecting import LINE, ROOT, write
from tests.integration.conftest import free_port
from tests.integration.vault.backing import contents, on_mongo

GONE = "11111111-1111-4111-8111-111111111111"
TOKEN = "token-of-the-vault"


@pytest.fixture
def kept(settings: Settings, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A history of two sessions in MongoDB and Iceberg, and a folder of backups."""
    write(tmp_path / "projects" / "p" / f"{GONE}.jsonl", (LINE % 1 + LINE % 2).replace(b'"s"', f'"{GONE}"'.encode()))
    write(tmp_path / "projects" / "p" / "s.jsonl", LINE % 3)
    settings = on_mongo(settings, request, "appliance")
    with closing(open_store(settings)) as store:
        collector.collect(store, tmp_path / "projects", "laptop")
        loader.extract(store, open_catalog(settings))
    return settings.model_copy(update={"transcripts_dir": (tmp_path / "projects",)})


@pytest.fixture
def vault(kept: Settings, tmp_path: Path) -> Iterator[HttpVault]:
    """The vault's service over that record store."""
    assert kept.mongo_uri is not None
    port = free_port()
    environment = {
        "MONGO_URI": kept.mongo_uri.get_secret_value(),
        "MONGO_DATABASE": kept.mongo_database,
        "DATA_DIR": str(kept.data_dir),
        "BACKUP_TO": str(tmp_path / "backups"),
        "VAULT_TOKEN": TOKEN,
        "HOST_NAME": "laptop",
        "LOG_FORMAT": "json",
    }
    with (tmp_path / "vault.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "vault", "serve", "--port", str(port)],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | environment,
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    client = HttpVault.of(kept.model_copy(update={"vault_url": url, "vault_token": SecretStr(TOKEN)}))
    assert client is not None
    deadline = time.monotonic() + 60
    while not client.is_healthy():
        assert process.poll() is None, (tmp_path / "vault.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert requests.post(f"{url}/forget/remove", timeout=30).status_code == 401
    assert requests.get(f"{url}/forget/log", timeout=30).status_code == 401
    yield client
    process.terminate()
    process.wait(60)


def test_the_vault_forgets_and_the_run_proves_it(kept: Settings, vault: HttpVault, tmp_path: Path) -> None:
    asked, forgetting = VaultRequests(vault), ApplianceForgetting(kept, vault)
    assert not forgetting.is_pending()
    selected = asked.select("session", GONE[:6])
    assert (selected.value, selected.lines, selected.sessions) == (GONE, 2, [GONE])
    with pytest.raises(AnalyticsError, match="session: expected an id or a unique prefix, found 'nope'"):
        asked.select("session", "nope")
    asked.begin(selected, "me", "why", {"lines": 2})
    assert forgetting.is_pending()
    assert "2 lines" in forgetting.remove(lambda done, total: None)
    with closing(open_store(kept)) as store:
        loader.extract(store, open_catalog(kept))
    write(kept.data_dir / "left.txt", GONE.encode())
    with pytest.raises(NotForgottenError, match=r"found it in .*left\.txt"):
        forgetting.prove(lambda done, total: None)
    (kept.data_dir / "left.txt").unlink()
    assert "nothing found" in forgetting.prove(lambda done, total: None)
    assert not forgetting.is_pending()
    (entry,) = asked.log().entries
    assert (entry["askedBy"], entry["reason"], entry["counts"], "key" in entry) == ("me", "why", {"lines": 2}, False)
    assert GONE not in str(contents(kept))
    assert GONE not in (tmp_path / "vault.log").read_text(), "no log names what was forgotten"
    with closing(open_store(kept)) as store:
        assert collector.collect(store, tmp_path / "projects", "laptop").files_forgotten == 1


def test_a_vault_that_is_away_keeps_no_run_from_its_work(kept: Settings) -> None:
    away = HttpVault(f"http://127.0.0.1:{free_port()}", TOKEN)
    assert not ApplianceForgetting(kept, away).is_pending()


def test_the_vault_removes_texts_that_expire(kept: Settings, vault: HttpVault) -> None:
    forgetting = ApplianceForgetting(kept, vault)
    ids = [line.line_id for line in contents(kept)["lines"]]
    forgetting.begin_text(datetime(2026, 4, 1, tzinfo=UTC), len(ids))
    assert forgetting.is_pending()
    removed = {"line": {"line_type": "user"}, "rows": [{"kept_facts": "{}"}]}
    assert forgetting.reduce(dict.fromkeys(ids, removed)) == len(ids)
    assert forgetting.reduce(dict.fromkeys(ids, removed)) == 0
    assert forgetting.blank([]) == 0
    forgetting.end_text()
    assert all(original_length(line.content) for line in contents(kept)["lines"])
    with closing(open_store(kept)) as store:
        loader.extract(store, open_catalog(kept))
    assert "nothing found" in forgetting.prove(lambda done, total: None)
    (entry,) = vault.forget_log().entries
    assert (entry["kind"], entry["counts"]) == ("text", {"lines": len(ids)})
