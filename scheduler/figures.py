"""Stores the published figures of each day and model, and each later version with the cause of its change.

`./analytics restatement` reads it to list the figures that have changed since a date, and why. A figure that a
publication changes gets a new version; the last publication of a day counts, so the file grows with changes and
not with runs. It contains only sums: no project, no session, no text.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import duckdb

from common.duckdb_files import open_read_only
from common.errors import AnalyticsError, UsageError
from common.paths import DuckDBVolume
from scheduler.pipeline_parts import Refresh
from scheduler.publish import FORGETS, Generation

NEW_LINES, FORGOTTEN, PRICES, RULES, SETTINGS = "new lines", "forgotten", "prices", "rules", "settings"
"""The causes of a change: late lines of that day, lines deleted on request, another price list, another
version of the models, another time zone or dbt variable."""

_LOAD = "load"
_TABLES = """
create table if not exists publications (
    published_at text primary key,
    published_on text not null,
    generation integer not null,
    facts text not null
);
create table if not exists figures (
    date_key integer not null,
    model text not null,
    published_on text not null,
    responses integer not null,
    input_tokens text not null,
    output_tokens text not null,
    cache_read_tokens text not null,
    cache_creation_tokens text not null,
    unpriced_responses integer not null,
    cost_usd text,
    causes text not null,
    primary key (date_key, model, published_on)
)
"""
_FIGURES = """
select
    coalesce(date_key, 0) as date_key,
    coalesce(model, '') as model,
    sum(response_count)::bigint as responses,
    sum(input_tokens)::varchar as input_tokens,
    sum(output_tokens)::varchar as output_tokens,
    sum(cache_read_tokens)::varchar as cache_read_tokens,
    sum(cache_creation_tokens)::varchar as cache_creation_tokens,
    sum(unpriced_response_count)::bigint as unpriced_responses,
    sum(cost_usd::decimal(28, 10))::varchar as cost_usd
from marts.agg_daily_usage
group by all
"""
_PRICES = "select bit_xor(hash(prices))::varchar from intermediate.int_model_prices as prices"
_DAYS_WITH_NEW_LINES = """
select distinct coalesce(strftime(timezone(?, event_at), '%Y%m%d')::integer, 0)
from staging.stg_conversations
where load_id > ? and ingested_at > ?::timestamptz - interval 1 hour
"""
"""Both: after a change of the masking every line is reloaded, and a line may arrive between a load and its
publication."""
_NEWEST = "select *, max(published_on) from figures where published_on <= ? group by date_key, model"


class FiguresError(AnalyticsError):
    """The file of published figures cannot be read or written; the message says what to do."""


class Figures(NamedTuple):
    """The published figures of a day and model. Token counts are whole numbers, the cost is in US dollars."""

    responses: int = 0
    input_tokens: str = "0"
    output_tokens: str = "0"
    cache_read_tokens: str = "0"
    cache_creation_tokens: str = "0"
    unpriced_responses: int = 0
    cost_usd: str | None = None

    @property
    def tokens(self) -> int:
        """All tokens."""
        kinds = (self.input_tokens, self.output_tokens, self.cache_read_tokens, self.cache_creation_tokens)
        return sum(int(text) for text in kinds)

    @property
    def counts(self) -> tuple[Any, ...]:
        """Everything but what depends on prices."""
        return self[:5]

    @property
    def cost(self) -> float:
        """The cost of the responses that have a price."""
        return float(self.cost_usd or 0)


Key = tuple[int, str]
"""A local day as YYYYMMDD (0 if not recorded) and a model ("" if not recorded)."""


@dataclass(frozen=True)
class Restated:
    """A day and model whose figures have changed."""

    date_key: int
    model: str
    before: Figures
    after: Figures
    causes: tuple[str, ...]


class FiguresFile:
    """The file of published figures. The first publication creates it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def record(self, volume: DuckDBVolume, generation: Generation) -> int:
        """Add the figures that this generation changes and return how many; none if it was added before."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as database:
            for table in _TABLES.split(";"):
                database.execute(table)
            last = database.execute("select * from publications order by published_at desc limit 1").fetchone()
            if last and last["published_at"] >= generation.created_at.isoformat():
                return 0
            path = volume.database_of(generation.number)
            with open_read_only(path) as published:
                found = _Found(published, generation, last)
            return _add(database, found)

    def first_day(self) -> str | None:
        """Return the day of the first known publication, as YYYY-MM-DD; None before any."""
        if not self.path.exists():
            return None
        with self._open() as database:
            (first,) = database.execute("select min(published_on) from publications").fetchone()
        return str(first) if first else None

    def restated(self, since: date, until: date) -> list[Restated]:
        """Return the figures of days up to `since` that `until` changed, as published at the end of both days.

        Raises UsageError if nothing was published by `since`.
        """
        first = self.first_day()
        if first is None or since.isoformat() < first:
            known = f"the first kept publication is of {first}" if first else "nothing is published yet"
            raise UsageError(f"expected a day whose published figures are kept, found {since}: {known}")
        if until < since:
            raise UsageError(f"expected the later day second, found {since} and {until}")
        with self._open() as database:
            before, after = (_newest(database, day.isoformat()) for day in (since, until))
            causes = _causes_between(database, since.isoformat(), until.isoformat())
        last_key = int(since.strftime("%Y%m%d"))
        return [
            Restated(*key, before.get(key, Figures()), figures, tuple(sorted(causes.get(key, ()))))
            for key, figures in sorted(after.items())
            if key[0] <= last_key and before.get(key, Figures()) != figures
        ]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=30)) as database, database:
                database.row_factory = sqlite3.Row
                yield database
        except sqlite3.DatabaseError as error:
            raise FiguresError(
                f"the file of published figures {self.path} cannot be used ({error}); put it back from a backup, or"
                " move it away: the next publication creates a new one"
            ) from error


def figures_refresh(path: Path, volume: DuckDBVolume) -> Refresh:
    """Return the refresh that adds each publication to the file."""

    def add(generation: Generation) -> None:
        FiguresFile(path).record(volume, generation)

    return Refresh("figures", add)


class _Found:
    """A publication's figures, and its differences from the one before."""

    def __init__(
        self, published: duckdb.DuckDBPyConnection, generation: Generation, last: Mapping[str, Any] | None
    ) -> None:
        zone = str(generation.facts.get("dbt_vars", {}).get("timezone", "UTC"))
        self.published_at = generation.created_at.isoformat()
        self.published_on = generation.created_at.astimezone(ZoneInfo(zone)).date().isoformat()
        self.generation = generation.number
        rows = published.execute(_FIGURES).fetchall()
        self.figures: dict[Key, Figures] = {(row[0], row[1]): Figures(*row[2:]) for row in rows}
        self.facts = {
            PRICES: _value(published, _PRICES),
            RULES: generation.facts.get("project_fingerprint"),
            SETTINGS: _digest(generation.facts.get("dbt_vars")),
            _LOAD: generation.facts.get("load_id"),
        }
        self.is_first = last is None
        before = json.loads(last["facts"]) if last else self.facts
        self._changed = {name for name, value in self.facts.items() if before.get(name) != value}
        since = last["published_at"] if last else self.published_at
        self._forgets = bool(generation.facts.get(FORGETS))
        loaded = before.get(_LOAD) or 0
        new = published.execute(_DAYS_WITH_NEW_LINES, [zone, loaded, since]).fetchall() if last else []
        self._days_with_new_lines = {day for (day,) in new}

    def causes(self, key: Key, before: Figures, after: Figures) -> set[str]:
        """Return the possible causes of a changed figure: the inputs that differ."""
        if self.is_first:
            return set()
        causes = {PRICES} & self._changed
        if before.counts == after.counts:
            return causes or ({RULES, SETTINGS} & self._changed) or {NEW_LINES}
        causes |= {SETTINGS} & self._changed
        if RULES in self._changed and PRICES not in self._changed:  # a new price list is a new version, too
            causes.add(RULES)
        if key[0] in self._days_with_new_lines:
            causes.add(NEW_LINES)
        if self._forgets and after.responses < before.responses:
            causes.add(FORGOTTEN)
        return causes or ({RULES} & self._changed) or {NEW_LINES}


def _add(database: sqlite3.Connection, found: _Found) -> int:
    """Add a publication and its versions, in the transaction that the caller commits."""
    known = _newest(database, found.published_on)
    gone = {key: Figures() for key in known.keys() - found.figures.keys()}
    changed = {key: now for key, now in (found.figures | gone).items() if known.get(key, Figures()) != now}
    for key, now in changed.items():
        causes = found.causes(key, known.get(key, Figures()), now)
        sql = "select causes from figures where date_key = ? and model = ? and published_on = ?"
        if same_day := database.execute(sql, (*key, found.published_on)).fetchone():
            causes |= set(json.loads(same_day["causes"]))
        values = (*key, found.published_on, *now, json.dumps(sorted(causes)))
        database.execute(f"insert or replace into figures values ({', '.join('?' * len(values))})", values)
    publication = (found.published_at, found.published_on, found.generation, json.dumps(found.facts))
    database.execute("insert into publications values (?, ?, ?, ?)", publication)
    return len(changed)


def _newest(database: sqlite3.Connection, day: str) -> dict[Key, Figures]:
    """Return each figure as published by the end of a day."""
    rows = database.execute(_NEWEST, (day,)).fetchall()
    return {(row["date_key"], row["model"]): Figures(*(row[name] for name in Figures._fields)) for row in rows}


def _causes_between(database: sqlite3.Connection, since: str, until: str) -> dict[Key, set[str]]:
    causes: dict[Key, set[str]] = {}
    sql = "select date_key, model, causes from figures where published_on > ? and published_on <= ?"
    for row in database.execute(sql, (since, until)):
        causes.setdefault((row["date_key"], row["model"]), set()).update(json.loads(row["causes"]))
    return causes


def _value(published: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = published.execute(sql).fetchone()
    return row[0] if row else None


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
