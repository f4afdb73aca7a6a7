"""A command's filters: days, projects and models, as SQL conditions on its rows."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cli.quick.database import Published
from common.errors import UsageError

PROJECT_NAMES = """
select project_id, coalesce(project_name, project_id) as name, project_path as path from marts.dim_projects
"""
_MODEL_NAMES = "select distinct model as id, model as name, null as path from marts.fct_api_requests"


@dataclass
class Selection:
    """Conditions of a `where` over responses (or other rows with date_key, project_id and model), and their values."""

    conditions: list[str] = field(default_factory=lambda: ["true"])
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The conditions as SQL."""
        return " and ".join(self.conditions)

    def between(self, since: date | None, until: date | None) -> None:
        """Leave out what is before or after; what carries no time is then left out, too."""
        for name, sign, day in (("since", ">=", since), ("until", "<=", until)):
            if day:
                self.conditions.append(f"date_key {sign} ${name}")
                self.values[name] = day.year * 10000 + day.month * 100 + day.day

    def one_of(self, column: str, found: list[str]) -> None:
        """Keep only these."""
        self.conditions.append(f"{column} in (select unnest(${column}::varchar[]))")
        self.values[column] = found


def select(
    published: Published, since: date | None, until: date | None, project: str | None, model: str | None = None
) -> Selection:
    """Return what the options select. Raises UsageError where no project or model has such a name."""
    selection = Selection()
    selection.between(since, until)
    if project:
        names = f"select project_id as id, name, path from ({PROJECT_NAMES})"
        selection.one_of("project_id", _matching(published, names, "project", project))
    if model:
        selection.one_of("model", _matching(published, _MODEL_NAMES, "model", model))
    return selection


def _matching(published: Published, sql: str, kind: str, wanted: str) -> list[str]:
    """Ids of what is called so; where nothing is, of what has it in its name or path."""
    rows = published.rows(sql)
    exact = [row["id"] for row in rows if wanted in (row["name"], row["path"], row["id"])]
    part = wanted.casefold()
    found = exact or [row["id"] for row in rows if part in f"{row['name']}\n{row['path'] or ''}".casefold()]
    if not found:
        raise UsageError(f"--{kind}: no {kind} is called or contains {wanted!r}{_hint(kind, wanted, rows)}")
    return found


def _hint(kind: str, wanted: str, rows: list[dict[str, Any]]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(wanted, [row["name"] for row in rows], n=3, cutoff=0.4)
    return f"; did you mean {' or '.join(near)}?" if near else f"; ./analytics {kind}s lists them"
