"""Tokens and cost by day, week, month, session, model or project, from marts.agg_daily_usage and fct_api_requests.

Sums are made as the marts make them: whole tokens, and costs as decimals. A cost is None where no response has a known
price; `unpriced` counts the responses that a cost leaves out, and `unpriced_models` names their models.
"""

from dataclasses import dataclass, field
from typing import Any

from cli.quick.database import Published
from cli.quick.selection import PROJECT_NAMES, Selection

TOKENS = ("input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FULL_DATE = "make_date(date_key // 10000, date_key // 100 % 100, date_key % 100)"

MEASURES = f"""
    {", ".join(f"sum({name})::hugeint as {name}" for name in TOKENS)},
    sum(cast(cost_usd as decimal(28, 10)))::double as cost_usd,
    coalesce(sum(unpriced), 0)::bigint as unpriced,
    coalesce(list_sort(list(distinct model) filter (where unpriced > 0)), []) as unpriced_models
"""
_BY_DAY = "select *, unpriced_response_count as unpriced, null as requested_at from marts.agg_daily_usage"
BY_RESPONSE = "select *, (not is_priced)::integer as unpriced from marts.fct_api_requests"


@dataclass
class Usage:
    """The usage of one period, session, model or project."""

    key: str | None
    """None: responses without a time, a session or a project."""
    row: dict[str, Any]
    """What was asked for beside the measures."""
    tokens: tuple[int, ...] = (0, 0, 0, 0)
    """In the order of TOKENS."""
    cost_usd: float | None = 0.0
    unpriced: int = 0
    unpriced_models: list[str] = field(default_factory=list)
    models: list["Usage"] = field(default_factory=list)
    """The same by model, the most expensive first."""

    @property
    def total_tokens(self) -> int:
        """All four kinds."""
        return sum(self.tokens)


def key_expression(command: str, start_of_week: str = "monday") -> str:
    """Return the SQL of what a command groups by, as text."""
    offset = DAYS.index(start_of_week)
    shifted = f"({_FULL_DATE} - {offset})::date"  # so that its week begins on a Monday
    return {
        "daily": f"{_FULL_DATE}::varchar",
        "weekly": f"({shifted} - (isodow({shifted})::integer - 1) + {offset})::date::varchar",
        "monthly": f"strftime({_FULL_DATE}, '%Y-%m')",
        "sessions": "session_id",
        "models": "model",
        "projects": "project_id",
    }[command]


def read_usage(published: Published, key: str, selection: Selection, *, by: str = "null") -> tuple[list[Usage], Usage]:
    """Return the usage by key (and by another expression, `group`), each with its models, and the total."""
    source = BY_RESPONSE if key == key_expression("sessions") else _BY_DAY
    sql = f"""
        with responses as (select *, {key} as key, {by} as section from ({source}) where {selection.where})
        select
            section, key, model, grouping(key) as is_total, grouping(model) as is_key, {MEASURES},
            min(requested_at) as first_at, max(requested_at) as last_at
        from responses
        group by grouping sets ((section, key, model), (section, key), ())
        order by section nulls last, key nulls last, is_key desc, cost_usd desc nulls last, model
    """
    found: list[Usage] = []
    total = Usage(None, {})
    for row in published.rows(sql, selection.values):
        usage = _usage(row)
        if row["is_total"]:
            total = usage
        elif row["is_key"]:
            found.append(usage)
        else:
            usage.key = row["model"]
            found[-1].models.append(usage)
    return found, total


def _usage(row: dict[str, Any]) -> Usage:
    usage = measured(row)
    usage.key, usage.row = row["key"], {name: row[name] for name in ("section", "first_at", "last_at")}
    return usage


def measured(row: dict[str, Any]) -> Usage:
    """Return the usage that a row of MEASURES holds."""
    tokens = tuple(int(row[name] or 0) for name in TOKENS)
    cost = 0.0 if row["cost_usd"] is None and not row["unpriced"] else row["cost_usd"]  # nothing cost nothing
    return Usage(None, {}, tokens, cost, row["unpriced"], row["unpriced_models"])


def session_facts(published: Published) -> dict[str, dict[str, Any]]:
    """Return title and project of each session."""
    rows = published.rows(f"""
        select session_id, title, projects.name as project, projects.path as path
        from marts.dim_sessions left join ({PROJECT_NAMES}) as projects using (project_id)
    """)
    return {row["session_id"]: row for row in rows}


def project_facts(published: Published) -> dict[str, dict[str, Any]]:
    """Return name and path of each project."""
    return {row["project_id"]: row for row in published.rows(PROJECT_NAMES)}


def added(rows: list[Usage]) -> Usage:
    """Return the sum of what is shown; a cost that no row has stays unknown."""
    from decimal import Decimal

    costs = [Decimal(repr(usage.cost_usd)) for usage in rows if usage.cost_usd is not None]
    tokens = tuple(sum(kind) for kind in zip(*(usage.tokens for usage in rows), strict=True)) or (0, 0, 0, 0)
    unpriced = sorted({model for usage in rows for model in usage.unpriced_models})
    cost = float(sum(costs)) if costs or not rows else None
    return Usage(None, {}, tokens, cost, sum(usage.unpriced for usage in rows), unpriced)
