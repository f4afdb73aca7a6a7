"""MongoDB's accounts may do what their work needs and nothing more."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from collector.accounts import ensure, ensure_roles
from tests.integration.conftest import await_answer, free_port, start_mongo

Act = Callable[[Database[dict[str, Any]]], object]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that asks for a password, with accounts as the appliance makes them, twice."""
    folder, port = tmp_path_factory.mktemp("accounts"), free_port()
    provisioning = start_mongo(folder, port)
    with MongoClient[dict[str, Any]](f"mongodb://127.0.0.1:{port}") as client:
        for _ in range(2):
            ensure_roles(client.claude_logs)
            for name in ("collector", "loader", "vault"):
                ensure(client.get_database("admin"), name, "secret", "claude_logs")
    provisioning.terminate()
    provisioning.wait(120)
    command = [str(Path(sys.prefix, "bin", "secantusd-py")), "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--storage-path", str(folder / "data"), "--auth"], stdout=log, stderr=log, cwd=folder
        )
    await_answer(process, port, folder / "log")
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(120)


ALLOWED: dict[str, Act] = {
    "insert a line": lambda database: database.conversations.insert_one({"_id": "x"}),
    "read": lambda database: database.conversations.find_one(),
    "count": lambda database: database.conversations.estimated_document_count(),
    "make the index": lambda database: database.conversations.create_index("ingestedAt"),
    "replace a state": lambda database: database.transcript_files.replace_one({"_id": 1}, {"a": 1}, upsert=True),
}
# The server of these tests joins a role's privileges over collections; mongod also refuses to change a line.
FORBIDDEN: dict[str, Act] = {
    "delete lines": lambda database: database.conversations.delete_many({}),
    "drop the lines": lambda database: database.drop_collection("conversations"),
}


def test_the_vault_may_delete_lines(server: str) -> None:
    with MongoClient[dict[str, Any]](f"mongodb://vault:secret@{server}/?authSource=admin") as client:
        for act in ALLOWED.values():
            act(client.claude_logs)
        client.claude_logs.conversations.delete_many({"_id": "x"})
        assert client.claude_logs.conversations.find_one({"_id": "x"}) is None
        with pytest.raises(OperationFailure, match="not authorized"):
            client.claude_logs.drop_collection("conversations")


def test_the_loader_may_add_what_was_lost_and_change_no_line(server: str) -> None:
    with MongoClient[dict[str, Any]](f"mongodb://loader:secret@{server}/?authSource=admin") as client:
        for act in ALLOWED.values():
            act(client.claude_logs)
        for name, act in FORBIDDEN.items():
            with pytest.raises(OperationFailure, match="not authorized"):
                pytest.fail(f"the loader may {name}: {act(client.claude_logs)}")
