"""The standalone mode's own MongoDB: private, owned by one process, and never in the way of the next."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from standalone.mongo_server import MongoServerError, local_mongo

OWNER_THAT_IS_KILLED = """
import os, signal, sys
from pathlib import Path
from pymongo import MongoClient
from standalone.mongo_server import local_mongo

with local_mongo(Path(sys.argv[1])) as uri:
    with MongoClient(uri) as client:
        client.test.things.insert_one({"kept": True})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_server_asks_for_its_password_and_keeps_it_to_the_owner(tmp_path: Path) -> None:
    """Generated credentials, in a file that nobody else may read; the same ones next time."""
    for run in (1, 2):
        with local_mongo(tmp_path) as uri:
            with MongoClient[dict[str, Any]](uri) as client:
                client.test.things.insert_one({"run": run})
                assert client.test.things.count_documents({}) == run
            anonymous = f"mongodb://{uri.rpartition('@')[2].partition('/')[0]}/?directConnection=true"
            with MongoClient[dict[str, Any]](anonymous) as client, pytest.raises(OperationFailure):
                client.test.things.find_one()
    assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600


def test_a_second_process_joins_the_server_and_leaves_it_running(tmp_path: Path) -> None:
    """Who does not own it does not stop it."""
    with local_mongo(tmp_path) as uri:
        with local_mongo(tmp_path) as joined:
            assert joined == uri
        with MongoClient[dict[str, Any]](uri) as client:
            client.admin.command("ping")
    assert not (tmp_path / "server.json").exists()


def test_a_server_left_behind_by_a_killed_owner_is_ended_and_its_data_kept(tmp_path: Path) -> None:
    """Acknowledged writes survive; two servers never open one folder."""
    owner = subprocess.run([sys.executable, "-c", OWNER_THAT_IS_KILLED, str(tmp_path)], cwd=Path.cwd(), check=False)
    assert owner.returncode == -signal.SIGKILL
    left = json.loads((tmp_path / "server.json").read_text())["pid"]
    os.kill(left, 0)  # it runs on
    with local_mongo(tmp_path) as uri, MongoClient[dict[str, Any]](uri) as client:
        assert client.test.things.count_documents({"kept": True}) == 1
        assert json.loads((tmp_path / "server.json").read_text())["pid"] != left


def test_a_data_folder_that_the_server_cannot_read_is_one_line_with_its_log(tmp_path: Path) -> None:
    """Not a hang, not a traceback of the server's."""
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(MongoServerError, match=r"did not start: .*server\.log") as raised, local_mongo(tmp_path):
        pass
    assert "\n" not in str(raised.value)


def test_a_machine_that_has_no_server_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))
    with pytest.raises(MongoServerError, match=r"^expected the MongoDB server .*set MONGO_URI"), local_mongo(tmp_path):
        pass
