"""Sets up a new Metabase automatically: its first user and our database."""

import string
from dataclasses import dataclass
from typing import Any

from metabase.client import Client, MetabaseError, NotReadyError, RefusedError, until

DETAILS_SECONDS = 20.0
"""How long to retry changed details."""
PASSWORD_LENGTH = 6
SITE_NAME = "Claude Code history"
SET_PASSWORD = "`docker compose run --rm -T init set metabase_password`"  # noqa: S105 - how to set one


@dataclass(frozen=True)
class DatabaseSettings:
    """How Metabase opens the published database."""

    file: str = "/duckdb/analytics.db"
    name: str = "Claude Code"
    timezone: str = "UTC"
    memory_limit: str = "1GB"
    temp_directory: str = "/tmp/duckdb"  # noqa: S108  in Metabase's container, whose /tmp is its own

    @property
    def details(self) -> dict[str, Any]:
        """Return every key that the driver reads: it passes unknown keys to JDBC, which rejects them."""
        # The driver runs `init_sql` on every connection. `temp_directory` is not in it: once a query has spilled,
        # DuckDB refuses to change it, and the driver passes that error on to every later query. `additional-options`
        # go into the connection string and win over the folder beside the file that the driver sets. After
        # `enable_external_access = false` SQL reaches no file but this database and what DuckDB spills.
        init = f"set timezone = '{self.timezone}'; set enable_external_access = false"
        return {
            "database_file": self.file,
            "read_only": True,
            "old_implicit_casting": False,
            "allow_unsigned_extensions": False,
            "memory_limit": self.memory_limit,
            "init_sql": init,
            "motherduck_token": "",
            "additional-options": f"temp_directory={self.temp_directory}",
        }


def connect(url: str, user: str, password: str, *, wait_seconds: float = 300.0) -> Client:
    """Wait for Metabase, create its first user if it has none, and sign in."""
    client = Client(url)
    until(lambda: _require_health(client), wait_seconds)
    token = client.get("/api/session/properties").get("setup-token")
    try:
        client.sign_in(user, password)
    except RefusedError as error:
        if not token:
            raise RefusedError(f"{error}; a password that was changed there is made known by {SET_PASSWORD}") from error
        _make_first_user(client, token, user, password)
        client.sign_in(user, password)
    return client


def _require_health(client: Client) -> None:
    try:
        status = client.get("/api/health").get("status")
    except RefusedError as error:  # while it starts, health is 503
        raise NotReadyError(str(error)) from error
    if status != "ok":
        raise NotReadyError(f"Metabase is {status}")


def _make_first_user(client: Client, token: str, user: str, password: str) -> None:
    require_password(password)
    person = {"first_name": "Claude", "last_name": "Analytics", "email": user, "password": password}
    client.post("/api/setup", {"token": token, "user": person, "prefs": {"site_name": SITE_NAME, "site_locale": "en"}})


def require_password(password: str) -> None:
    """Raise MetabaseError if Metabase would reject this password for a new user.

    Metabase's error would name neither the setting nor how to change it.
    """
    if len(password) < PASSWORD_LENGTH or not any(letter in string.digits for letter in password):
        raise MetabaseError(
            f"METABASE_PASSWORD: Metabase expects at least {PASSWORD_LENGTH} characters with a digit among them, found"
            f" {len(password)} characters{'' if set(password) & set(string.digits) else ' without a digit'};"
            f" set another with {SET_PASSWORD}"
        )


def find_database(client: Client, name: str = DatabaseSettings.name) -> dict[str, Any] | None:
    """Return our database in Metabase's list, or None."""
    found = client.get("/api/database")
    known = found["data"] if isinstance(found, dict) else found
    return next((database for database in known if database["engine"] == "duckdb" and database["name"] == name), None)


def ensure_database(client: Client, wanted: DatabaseSettings) -> int:
    """Return the id of our database in Metabase, which is created or updated if needed."""
    ours = find_database(client, wanted.name)
    if ours is None:
        body = {
            "name": wanted.name,
            "engine": "duckdb",
            "details": wanted.details,
            "is_full_sync": True,
            "is_on_demand": False,
            "auto_run_queries": True,
        }
        return int(client.post("/api/database", body)["id"])
    details = client.get(f"/api/database/{ours['id']}").get("details") or {}
    # A token is returned masked, so it cannot be compared.
    if any(details.get(key) != value for key, value in wanted.details.items() if key != "motherduck_token"):
        until(lambda: _put_details(client, int(ours["id"]), wanted), DETAILS_SECONDS)
    return int(ours["id"])


def _put_details(client: Client, database: int, wanted: DatabaseSettings) -> None:
    """Change how Metabase opens the file.

    Metabase tests new details first, and DuckDB cannot open a file with two configurations at once. If Metabase has the
    file open with the old ones, a change of the caveats drops the pool, and the next try succeeds unless a query runs
    in between.
    """
    try:
        client.put(f"/api/database/{database}", {"details": wanted.details})
    except RefusedError as error:
        if "different configuration" not in str(error):
            raise
        before = client.get(f"/api/database/{database}").get("caveats") or ""
        client.put(
            f"/api/database/{database}", {"caveats": before.removesuffix(".") + "." * (not before.endswith("."))}
        )
        raise NotReadyError(str(error)) from error
