"""The files of a backup besides the record store, and their paths.

`settings/`   .env, your price list and file of cost centres, and what the settings came to (without secrets)
`statements/` closed months
`scheduler/`  the history of runs, what was published of each day, the status page's token
`secrets/`    the appliance's secrets, as `init` made them
"""

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from common.settings import Settings
from vault.errors import VaultError
from vault.manifest import METABASE
from vault.writing import PART_BYTES

HISTORY, PUBLISHED, TOKEN = "scheduler/history.db", "scheduler/figures.db", "scheduler/token"
LIMITS, OLDER_LIMITS, FINGERPRINT = "plan_limits.jsonl", "plan_limits.1.jsonl", "fingerprint.key"
REMOTES, CENTRES, VALID_CENTRES = "git_remotes.jsonl", "cost-centres.yaml", "cost-centres.last-valid.yaml"
IN_DATA = (LIMITS, OLDER_LIMITS, FINGERPRINT, REMOTES, CENTRES, VALID_CENTRES)
"""Files of the data directory: plan limits as read, the key that masks secrets, what cost centres follow from."""
STATEMENTS = "statements/"
"""The folder of the data directory with the closed months, which nothing else holds."""
ENV, PRICES, EFFECTIVE = "settings/env", "settings/model_prices.csv", "settings/effective.json"
CHOSEN_CENTRES = "settings/cost-centres.yaml"
SECRETS = "secrets/"
_NOT_SAVED = {"backup_passphrase"}
"""The key to a backup must not be inside it."""


@dataclass(frozen=True)
class FileSources:
    """The files' paths on this machine."""

    settings: Settings
    scheduler_dir: Path
    env_file: Path | None = None
    secrets_dir: Path | None = None
    _plain: dict[str, Path] = field(default_factory=dict)

    def files(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield each existing file's name and content."""
        for name in (HISTORY, PUBLISHED):
            path = self.scheduler_dir / Path(name).name
            if path.exists():
                yield name, _pieces(_database(path))
        for name, path in self._paths().items():
            with suppress(FileNotFoundError):
                yield name, _pieces(path.read_bytes())
        yield EFFECTIVE, _pieces(_effective(self.settings))
        if self.settings.metabase_database_uri is not None:
            yield METABASE, dump(self.settings.metabase_database_uri)

    def _paths(self) -> dict[str, Path]:
        paths = {name: self.settings.data_dir / name for name in IN_DATA} | {TOKEN: self.scheduler_dir / "token"}
        if self.env_file:
            paths[ENV] = self.env_file
        if self.settings.model_prices_csv:
            paths[PRICES] = self.settings.model_prices_csv
        if self.settings.cost_centres_yaml:
            paths[CHOSEN_CENTRES] = self.settings.cost_centres_yaml
        for path in sorted((self.settings.data_dir / STATEMENTS).glob("*.json")):
            paths[f"{STATEMENTS}{path.name}"] = path
        if self.secrets_dir:
            names = (
                path for path in sorted(self.secrets_dir.iterdir()) if path.name not in _NOT_SAVED and not path.suffix
            )
            paths |= {f"{SECRETS}{path.name}": path for path in names}
        return paths


def is_statement(name: str) -> bool:
    """Whether a backed-up file is a closed month."""
    return name.startswith(STATEMENTS)


def _pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, max(1, len(content)), PART_BYTES):
        yield content[start : start + PART_BYTES]


def _database(path: Path) -> bytes:
    """Return a copy of a SQLite file as of one moment, despite concurrent writes."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(":memory:")) as copy:
        source.backup(copy)
        return copy.serialize()


def _effective(settings: Settings) -> bytes:
    """Return what the settings came to, without secrets: for people who set up the new machine."""
    fields = settings.model_dump(mode="json")
    shown = {name: value for name, value in fields.items() if not isinstance(getattr(settings, name), SecretStr)}
    return json.dumps({name.upper(): value for name, value in shown.items() if value is not None}, indent=1).encode()


def dump(uri: SecretStr) -> Iterator[bytes]:
    """Yield PostgreSQL's own dump of Metabase's database, in the format that pg_restore reads."""
    command = ["pg_dump", "--format=custom", "--compress=0", "--no-owner", "--no-privileges"]
    try:
        program = subprocess.Popen(command, env=environment(uri), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except FileNotFoundError:
        raise VaultError(
            "Metabase's database: expected pg_dump on PATH, found none; install postgresql-client"
        ) from None
    with program:
        assert program.stdout is not None
        assert program.stderr is not None
        while piece := program.stdout.read(PART_BYTES):
            yield piece
        said = program.stderr.read().decode(errors="replace")
    if program.returncode:
        raise VaultError(f"Metabase's database: pg_dump failed: {' '.join(said.split())[:300]}; check that it runs")


def psql(uri: SecretStr, sql: str) -> str:
    """Run a statement and return its answer as text. Raises VaultError if PostgreSQL does not answer or refuses."""
    command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command", sql]
    try:
        answer = subprocess.run(command, env=environment(uri), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise VaultError("Metabase's database: expected psql on PATH, found none; install postgresql-client") from None
    if answer.returncode:
        raise VaultError(f"Metabase's database: {' '.join(answer.stderr.split())[:300]}; check that it runs")
    return answer.stdout.strip()


def environment(uri: SecretStr) -> dict[str, str]:
    """Return the environment with which PostgreSQL's programs connect: all users of a host see arguments."""
    parts = urlsplit(uri.get_secret_value())
    named = {
        "PGHOST": parts.hostname,
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.strip("/"),
    }
    return os.environ | {name: value for name, value in named.items() if value}
