"""`python -m collector.accounts NAME=PASSWORD_FILE...`: creates or updates MongoDB's accounts for the appliance.

Run as the root user on every `up`, before anyone else connects. Safe to run again: an account that exists gets the
password and the role that it should have, so a role that a new release changes needs no hand.
"""

import sys
from pathlib import Path
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from common.mongo import mongo_client
from common.settings import SettingsError, load_settings

ROLES = {"collector": "readWrite", "loader": "restorer", "vault": "keeper"}
"""The collector writes; the loader can add what the record store has lost, and change or delete no line; the vault can
delete lines as well, which a request to forget asks of it."""

_ADD = ["find", "insert", "createIndex"]
_PRIVILEGES: dict[str, list[str]] = {
    "conversations": _ADD,
    "conversation_parts": _ADD,
    "dead_letters": _ADD,
    "transcript_files": [*_ADD, "update"],
    "transcript_layouts": [*_ADD, "update"],
    "forget_requests": [*_ADD, "update"],
    "forgotten": [*_ADD, "update"],
}
_PRIVILEGES_OF = {
    "restorer": _PRIVILEGES,
    "keeper": {collection: [*_ADD, "update", "remove", "compact"] for collection in _PRIVILEGES},
}


def ensure(admin: Database[dict[str, Any]], name: str, password: str, database: str) -> None:
    """Create this account, or update its password and role."""
    known = admin.command("usersInfo", name)["users"]
    roles = [{"role": ROLES[name], "db": database}]
    admin.command("updateUser" if known else "createUser", name, pwd=password, roles=roles)


def ensure_roles(database: Database[dict[str, Any]]) -> None:
    """Create the roles of the loader and the vault, or update their privileges."""
    for role, actions_by_collection in _PRIVILEGES_OF.items():
        privileges = [
            {"resource": {"db": database.name, "collection": collection}, "actions": actions}
            for collection, actions in actions_by_collection.items()
        ]
        known = database.command("rolesInfo", role)["roles"]
        database.command("updateRole" if known else "createRole", role, privileges=privileges, roles=[])


def bring_about(arguments: list[str]) -> None:
    """Read the root user's URI from the settings and each password from the file named for it."""
    settings = load_settings()
    wanted = {name: file for name, _, file in (argument.partition("=") for argument in arguments)}
    if wanted.keys() != ROLES.keys() or settings.mongo_uri is None:
        raise SettingsError("expected MONGO_URI and the arguments collector=FILE loader=FILE vault=FILE")
    uri = settings.mongo_uri.get_secret_value()
    with mongo_client(uri, "claude-analytics-accounts", serverSelectionTimeoutMS=60_000) as client:
        ensure_roles(client.get_database(settings.mongo_database))
        for name, file in wanted.items():
            password = Path(file).read_text(encoding="utf-8").strip()
            ensure(client.get_database("admin"), name, password, settings.mongo_database)


def main(arguments: list[str]) -> int:
    """Run the command; an expected failure takes one line."""
    try:
        bring_about(arguments)
    except (SettingsError, OSError, PyMongoError) as error:
        print(f"accounts: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    print(f"accounts: {', '.join(f'{name} ({role})' for name, role in ROLES.items())}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
