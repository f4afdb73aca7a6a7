"""A Metabase that nobody has seen yet gets its first user and our database, without a person."""

from dataclasses import dataclass
from typing import Any

from metabase.client import Client, NotReadyError, RefusedError, until

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
        """Every key that the driver reads, said explicitly: it hands keys it does not know to JDBC, which refuses."""
        init = f"set temp_directory = '{self.temp_directory}'; set timezone = '{self.timezone}'"
        return {
            "database_file": self.file,
            "read_only": True,
            "old_implicit_casting": False,
            "allow_unsigned_extensions": False,
            "memory_limit": self.memory_limit,
            "init_sql": init,
            "motherduck_token": "",
            "additional-options": "",
        }


def connect(url: str, user: str, password: str, *, wait_seconds: float = 300.0) -> Client:
    """Wait for Metabase, make its first user where it has none, and sign in."""
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
    person = {"first_name": "Claude", "last_name": "Analytics", "email": user, "password": password}
    client.post("/api/setup", {"token": token, "user": person, "prefs": {"site_name": SITE_NAME, "site_locale": "en"}})


def find_database(client: Client, name: str = DatabaseSettings.name) -> dict[str, Any] | None:
    """Our database as Metabase lists it; None where it has none."""
    found = client.get("/api/database")
    known = found["data"] if isinstance(found, dict) else found
    return next((each for each in known if each["engine"] == "duckdb" and each["name"] == name), None)


def ensure_database(client: Client, wanted: DatabaseSettings) -> int:
    """The id of our database in Metabase, made or brought in line where needed."""
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
    # A token comes back masked, so it says nothing about a difference.
    if any(details.get(key) != value for key, value in wanted.details.items() if key != "motherduck_token"):
        client.put(f"/api/database/{ours['id']}", {"details": wanted.details})
    return int(ours["id"])
