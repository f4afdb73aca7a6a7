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

from standalone import mongo_server
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

OWNER_THAT_IS_KILLED_BEFORE_THE_SERVER_ANSWERS = """
import os, signal, sys
from pathlib import Path
from standalone import mongo_server

mongo_server._answers = lambda uri: os.kill(os.getpid(), signal.SIGKILL)
with mongo_server.local_mongo(Path(sys.argv[1])):
    pass
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


def left_behind_by(owner: str, folder: Path) -> int:
    """The process id of the server that runs on when this owner was killed."""
    killed = subprocess.run([sys.executable, "-c", owner, str(folder)], cwd=Path.cwd(), check=False)
    assert killed.returncode == -signal.SIGKILL
    left: int = json.loads((folder / "server.json").read_text())["pid"]
    os.kill(left, 0)  # it runs on
    return left


def test_a_server_left_behind_by_a_killed_owner_is_ended_and_its_data_kept(tmp_path: Path) -> None:
    """Acknowledged writes survive; two servers never open one folder."""
    left = left_behind_by(OWNER_THAT_IS_KILLED, tmp_path)
    with local_mongo(tmp_path) as uri, MongoClient[dict[str, Any]](uri) as client:
        assert client.test.things.count_documents({"kept": True}) == 1
        assert json.loads((tmp_path / "server.json").read_text())["pid"] != left


def test_a_server_whose_owner_was_killed_before_it_answered_is_ended_too(tmp_path: Path) -> None:
    left = left_behind_by(OWNER_THAT_IS_KILLED_BEFORE_THE_SERVER_ANSWERS, tmp_path)
    with local_mongo(tmp_path):
        assert json.loads((tmp_path / "server.json").read_text())["pid"] != left


def test_an_owner_that_is_interrupted_while_it_waits_leaves_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ctrl_c(_: str) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(mongo_server, "_answers", ctrl_c)
    with pytest.raises(KeyboardInterrupt), local_mongo(tmp_path):
        pass
    started = json.loads((tmp_path / "server.json").read_text())["pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(started, 0)


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
