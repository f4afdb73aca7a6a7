"""One self-contained HTML file with every dashboard: it opens from disk and makes no network request.

The figures of the first view come from the same SQL as Metabase's; the page recalculates them if a reader picks another
period or project. Conversations are too large for one file: they are beside it, see session_files.py.
"""

import base64
import hashlib
from concurrent.futures import Future
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import duckdb
from markupsafe import Markup

from common import numbers
from common.design import stylesheet
from dashboards.card_query import opened, run_sql, shown_columns
from dashboards.card_sql import DEFAULT_DAYS
from dashboards.definitions import Card, Catalog, Dashboard, load_catalog
from dashboards.formats import show, show_cell
from report.charts import OTHER, has_chart
from report.datasets import days_since_epoch
from report.payload import TABLE_ROWS, Shown, as_json, encode_catalog, json_object
from report.readers import Readers, readers
from report.script import bundled
from report.session_files import Kept, folder_of, write_sessions
from report.vega import Vega

if TYPE_CHECKING:
    from jinja2 import Template

PAGE = Path(__file__).parent / "page"
TITLE = "Claude Code history"
SESSIONS_OFFERED = 400
FRESH = "interval 48 hours"
BOUNDS = """\
select min(full_date), max(full_date)
from marts.agg_daily_summary
inner join marts.dim_date using (date_key)
where year between 2000 and 2100"""


def write_report(
    database: Path, target: Path, *, timezone: str, sample: bool = False, vega_dir: Path | None = None
) -> None:
    """Write the report of a published database to `target` atomically; a sample's report is marked as one.

    The sessions' conversations are in the folder `<target>_sessions` beside it, of which only changes are written.
    `vega_dir` caches the output of Vega's tools for the next report.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened(database, timezone) as connection, readers(connection) as threads:
        connection.execute("set threads = 1")  # the readers use the cores, and sums are reproducible
        kept = threads.start(write_sessions, folder_of(target))
        catalog, vega = load_catalog(), Vega(vega_dir)
        page = _render(connection, threads, catalog, timezone, vega, kept, sample=sample)
    vega.forget_others()
    # A unique name, because a run and a person may write the same report at once.
    unfinished = target.with_name(f".{target.name}.{uuid4().hex[:8]}.unfinished")
    try:
        unfinished.write_text(page, encoding="utf-8")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _render(
    connection: duckdb.DuckDBPyConnection,
    threads: Readers,
    catalog: Catalog,
    timezone: str,
    vega: Vega,
    kept: "Future[Kept]",
    *,
    sample: bool,
) -> str:
    template = _template()
    meta = period_of(connection, timezone)
    period = {"date_from": meta["from_text"], "date_to": meta["to_text"]}
    encoded = encode_catalog(connection, threads, catalog, vega, **period)
    known = as_json(meta | {"table_rows": TABLE_ROWS, "other": OTHER, "kept": asdict(kept.result())})
    scripts = _own(vega.script().replace("</script", "<\\/script")), _own(bundled(PAGE / "page.js"))
    return template.render(
        title=TITLE,
        about=_about(connection, meta, timezone),
        footer=f"Made {datetime.now(ZoneInfo(timezone)):%Y-%m-%d %H:%M} ({timezone}) by claude-analytics. "
        "Costs are list prices of the day the tokens were spent, not a bill. "
        "./analytics serve keeps this report up to date and has a status page.",
        boards=[_board(catalog, board, encoded.shown) for board in catalog.dashboards],
        session_cards=_session_cards(catalog, encoded.shown),
        meta=meta,
        projects=_labels(encoded.datasets, "project"),
        sessions=_sessions(encoded.datasets),
        offered=_offered(encoded.datasets),
        first_session=next((data["first"] for data in encoded.datasets.values() if "first" in data), None),
        sample=sample,
        allowed=" ".join(_hash(text) for text in scripts),
        style=_own(stylesheet() + (PAGE / "page.css").read_text(encoding="utf-8")),
        data=_for_script(json_object(encoded.json | {"meta": known})),
        vega=scripts[0],
        script=scripts[1],
    )


def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  loads while sessions are read

    environment = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("page.html")


def _hash(script: str) -> str:
    """Return a script's hash for the content security policy; no other script in the page is run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _own(text: str) -> Markup:
    """Return our or a library's text unescaped: nothing in it comes from a transcript."""
    return Markup(text)  # noqa: S704  see above


def _for_script(text: str) -> Markup:
    """Return JSON that is safe in a script element: only `<` could end the element early."""
    safe = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return Markup(safe)  # noqa: S704  every < is escaped


def period_of(connection: duckdb.DuckDBPyConnection, timezone: str) -> dict[str, Any]:
    """Return the first and last day shown and the initial period, as numbers and as text.

    The last day is today if the data is fresh, so that days without a session count; else the last day with data.
    """
    found = run_sql(connection, BOUNDS, {}, ("first", "last"))
    row = found.rows[0] if found.rows else {"first": None, "last": None}
    today = datetime.now(ZoneInfo(timezone)).date()
    first, last = row["first"] or today, row["last"] or today
    last = max(last, today) if _is_fresh(connection) else last
    start = last - timedelta(days=DEFAULT_DAYS - 1)
    return {
        "first_day": days_since_epoch(first),
        "last_day": days_since_epoch(last),
        "period": {"from": days_since_epoch(start), "to": days_since_epoch(last), "preset": str(DEFAULT_DAYS)},
        "first_text": first.isoformat(),
        "last_text": last.isoformat(),
        "from_text": start.isoformat(),
        "to_text": last.isoformat(),
    }


def _is_fresh(connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether the newest line arrived within dbt's limit for source freshness."""
    found = run_sql(connection, f"select max(extracted_at) >= now() - {FRESH} from raw.conversations", {}, ("fresh",))
    return bool(found.rows and found.rows[0]["fresh"])


def _about(connection: duckdb.DuckDBPyConnection, meta: dict[str, Any], timezone: str) -> str:
    found = run_sql(
        connection, "select count(*), count(distinct project_id) from marts.dim_sessions", {}, ("sessions", "projects")
    )
    row = found.rows[0] if found.rows else {"sessions": 0, "projects": 0}
    if _is_team_only(connection):
        return "Team figures only, in rows of at least five people (TEAM_AGGREGATES_ONLY)."
    if not row["sessions"]:
        return "No sessions yet: run the pipeline over a folder of transcripts, then open this page again."
    counts = f"{numbers.counted(row['sessions'], 'session')} in {numbers.counted(row['projects'], 'project')}"
    return f"{counts}, {meta['first_text']} to {meta['last_text']}. Days and hours in {timezone}."


def _is_team_only(connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether only figures of the team are published: then their view has become a table."""
    found = "select count(*) from duckdb_tables() where schema_name = 'marts' and table_name = 'agg_team_usage'"
    return connection.execute(found).fetchone() != (0,)


def _labels(datasets: dict[str, Any], column: str) -> list[str]:
    found = {text for dataset in datasets.values() for text in dataset["columns"].get(column, {}).get("dictionary", [])}
    return sorted(found, key=str.casefold)


def _sessions(datasets: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the newest sessions, each with its displayed name."""
    listed = datasets.get("sessions")
    if not listed:
        return []
    columns = listed["columns"]

    def text(name: str, row: int) -> str:
        code = columns[name]["codes"][row]
        return str(columns[name]["dictionary"][code]) if code >= 0 else ""

    rows = sorted(range(listed["rows"]), key=lambda row: (text("started", row), text("session_id", row)), reverse=True)
    return [
        (text("session_id", row), f"{text('started', row)[:16]} · {text('project', row)} · {text('title', row)}")
        for row in rows[:SESSIONS_OFFERED]
    ]


def _board(catalog: Catalog, board: Dashboard, shown: dict[str, Shown]) -> dict[str, Any]:
    """Return a dashboard's part of the page; cards about the open session are in a separate part."""
    tabs = [(tab.name, [card for card in tab.cards if not _is_picked(catalog, card)]) for tab in board.tabs]
    shown_tabs = [
        {
            "name": name,
            "cards": [_card(catalog, f"{board.id}.{card.id}", card, shown[f"{board.id}.{card.id}"]) for card in cards],
        }
        for name, cards in tabs
        if cards
    ]
    return {"id": board.id, "title": board.title, "description": board.description, "tabs": shown_tabs}


def _offered(datasets: dict[str, Any]) -> str:
    """Return a note on where the other sessions are, if the list does not have all of them."""
    listed = datasets.get("sessions", {"rows": 0})["rows"]
    if listed <= SESSIONS_OFFERED:
        return ""
    return f", of the newest {SESSIONS_OFFERED} of {listed:,}; the table under Sessions and the search open the others"


def _session_cards(catalog: Catalog, shown: dict[str, Shown]) -> list[dict[str, Any]]:
    return [_card(catalog, key, card, shown[key]) for key, card in catalog.cards.items() if _is_picked(catalog, card)]


def _is_picked(catalog: Catalog, card: Card) -> bool:
    """Return True for a card about the one session that is open."""
    return bool(card.dataset and catalog.datasets[card.dataset].pick)


def _card(catalog: Catalog, key: str, card: Card, found: Shown) -> dict[str, Any]:
    columns = shown_columns(catalog, card)
    content = {
        "key": key,
        "kind": card.kind,
        "title": card.title,
        "description": card.description,
        "place": card.place,
        "drawn": has_chart(card),
        "empty": card.empty,
        "empty_now": card.kind != "number" and not found.rows,
        "missing": found.missing
        and f"This database lacks tables that the card reads ({', '.join(catalog.marts_of(card))}).",
        "source": catalog.source_of(card),
        "scope": _scope(catalog, card),
        "columns": [{"label": column.label, "align": column.kind} for column in columns.values()],
        "rows": [[show_cell(row[name], column) for name, column in columns.items()] for row in found.rows[:TABLE_ROWS]],
        "cut": _cut(found),
    }
    return content | (_figure(catalog, card, found) if card.kind == "number" else {})


def _cut(found: Shown) -> str:
    shown = min(len(found.rows), TABLE_ROWS)
    return f"The first {shown:,} of {found.total:,} rows." if shown < found.total else ""


def _scope(catalog: Catalog, card: Card) -> str:
    """Return which of the page's filters the card ignores."""
    if _is_picked(catalog, card):
        return ""
    columns = catalog.columns_of(card)
    if card.dataset and "day" in columns:
        return "" if "project" in columns else "all projects"
    return "all time"


def _figure(catalog: Catalog, card: Card, found: Shown) -> dict[str, str]:
    [(name, column)] = shown_columns(catalog, card).items()
    now = found.rows[-1][name] if found.rows else None
    return {"figure": show(now, column.shown_as)}
