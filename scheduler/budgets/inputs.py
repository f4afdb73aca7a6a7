"""What budgets and statements are made with, brought into the work database before each build.

The user's file, the rates, the remotes of repositories and the closed statements are rows of `raw.budget_inputs`.
Their digest is among the facts of a generation, so that a change is published by the next run, which builds again
what follows from them and no line. A file that is broken or gone leaves the last valid one in force, and is a problem
until it is mended.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from common.errors import AnalyticsError
from common.paths import DataPaths
from common.private_files import replace_file
from common.settings import Settings
from scheduler.budgets.config import Config, ConfigError, parse_config
from scheduler.budgets.remotes import learn_remotes
from scheduler.budgets.statements import Statements

TABLE = "budget_inputs"
COLUMNS = {"kind": "varchar", "item": "varchar"}
Item = tuple[str, dict[str, Any]]
_DIRECTORIES = "select distinct cwd from raw.conversations where cwd is not null and host = ? order by cwd"


class BudgetInputs:
    """The files and settings behind budgets and statements, read again whenever they are asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings, paths = settings, DataPaths.of(settings)
        self.file = settings.cost_centres_yaml or paths.cost_centres
        self._valid, self._remotes = paths.valid_cost_centres, paths.git_remotes
        self._statements = Statements(paths.statements)

    def problem(self) -> str | None:
        """What is wrong with the file or with a closed statement, in one line; None where all is well."""
        return self._config()[1] or self._statements.problem()

    def facts(self) -> dict[str, str]:
        """The facts of a generation that follow from these inputs."""
        text = json.dumps(list(self._items()), sort_keys=True)
        return {"budget_inputs": hashlib.sha256(text.encode()).hexdigest()[:16]}

    def export(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the table equal to what the files and settings say."""
        items = [*self._items(), *self._learnt(connection)]
        connection.execute("create schema if not exists raw")
        fields = ", ".join(f"{column} {kind}" for column, kind in COLUMNS.items())
        connection.execute(f"create table if not exists raw.{TABLE} ({fields})")
        rows = json.dumps([{"kind": kind, "item": json.dumps(item)} for kind, item in items])
        structure = json.dumps([COLUMNS])
        connection.begin()
        connection.execute(f"delete from raw.{TABLE}")
        connection.execute(
            f"insert into raw.{TABLE} select unnest(from_json(?, ?), recursive := true)", [rows, structure]
        )
        connection.commit()

    def _items(self) -> Iterator[Item]:
        config, problem = self._config()
        settings, today = self._settings, datetime.now(ZoneInfo(self._settings.timezone)).date()
        other = None if settings.currency == "USD" else settings.currency
        yield (
            "settings",
            {
                "as_of": today.isoformat() if config.budgets else None,  # a day without budgets changes nothing
                "currency": other,
                "problem": problem or self._statements.problem(),
                "rules_digest": config.rules_digest,
                "rules": len(config.rules),
                "budgets": len(config.budgets),
            },
        )
        yield from (("rule", rule) for rule in config.rules)
        yield from (("budget", budget) for budget in config.budgets)
        for rate in settings.currency_rates:
            fields = {"valid_from": rate.valid_from.isoformat(), "usd_rate": str(rate.usd_rate)}
            yield "rate", {"currency": rate.currency} | fields
        yield from self._statements.items()

    def _learnt(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Item]:
        """Yield the remotes that are known, after a look at the directories of this machine's lines."""
        if not self._config()[0].asks_for_remotes:
            return
        directories: list[str] = []
        with suppress(duckdb.CatalogException):  # nothing was loaded yet
            directories = [path for (path,) in connection.execute(_DIRECTORIES, [self._settings.host_name]).fetchall()]
        for position, (path, remote) in enumerate(learn_remotes(self._remotes, directories).items()):
            yield "remote", {"path": path, "remote": remote, "position": position}

    def _config(self) -> tuple[Config, str | None]:
        """Return what is in force, and what is wrong with the file."""
        try:
            text = self.file.read_bytes()
            config = parse_config(text.decode("utf-8"))
        except FileNotFoundError:
            return self._without_file()
        except (OSError, UnicodeDecodeError, ConfigError) as error:
            return self._last_valid(), f"{self.file}: {_reason(error)}; until it is corrected, {self._in_force()}"
        if _read(self._valid) != text:
            replace_file(self._valid, text)
        return config, None

    def _without_file(self) -> tuple[Config, str | None]:
        if _read(self._valid) is None:
            return Config(), None
        how = "put it back, or write an empty file to have no rules and budgets"
        return self._last_valid(), f"{self.file} is gone, and its last version is used; {how}"

    def _last_valid(self) -> Config:
        text = _read(self._valid)
        with suppress(AnalyticsError, UnicodeDecodeError):  # of an older version, perhaps with other rules
            return parse_config(text.decode("utf-8")) if text else Config()
        return Config()

    def _in_force(self) -> str:
        return "its last valid version is used" if _read(self._valid) else "there are no rules and no budgets"


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror})"
    return "expected text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
