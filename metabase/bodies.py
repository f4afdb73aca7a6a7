"""Request bodies: our cards and dashboards in Metabase's format."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from dashboards.card_query import shown_columns
from dashboards.card_sql import BEFORE, card_sql, has_change, tags_of
from dashboards.definitions import Card, Catalog, Column, Dashboard, Format, Tab
from dashboards.palette import LIGHT, places
from metabase.client import native_query

LISTS = {
    "project": ("Project", 'select distinct project_name as "Project" from marts.dim_projects order by 1\n'),
    "model": ("Model", 'select model as "Model" from marts.dim_models order by 1\n'),
    "host": ("Host", 'select distinct host as "Host" from marts.dim_sessions where host is not null order by 1\n'),
}
"""The options of text filters' drop-downs: one small card each."""

_NAMES = {
    "date_from": "From",
    "date_to": "To",
    "project": "Project",
    "model": "Model",
    "host": "Host",
    "session": "Session id",
}
_UUIDS = uuid.uuid5(uuid.NAMESPACE_URL, "claude-analytics/template-tags")
_DISPLAY = {
    "line": "line",
    "area": "area",
    "bar": "bar",
    "row": "row",
    "heatmap": "table",
    "table": "table",
    "pivot": "table",
}
_COLUMN: dict[Format, dict[str, Any]] = {
    "count": {"number_style": "decimal"},
    "tokens": {"number_style": "decimal", "decimals": 0},
    "usd": {"number_style": "currency", "currency": "USD", "currency_in_header": False, "decimals": 2},
    "amount": {"number_style": "decimal", "decimals": 2},
    "percent": {"number_style": "percent", "decimals": 1},
    "duration": {"number_style": "decimal", "scale": 1 / 60000, "decimals": 1, "suffix": " min"},
    "days": {"number_style": "decimal", "suffix": " days"},
    "bytes": {"number_style": "decimal", "scale": 1e-6, "decimals": 1, "suffix": " MB"},
    "day": {"date_style": "YYYY-MM-DD"},
    "time": {"date_style": "YYYY-MM-DD", "time_enabled": "minutes", "time_style": "HH:mm"},
    "text": {},
}


def card_body(catalog: Catalog, key: str, card: Card, database: int) -> dict[str, Any]:
    """A card, but for its collection and the marker that ends its description."""
    sql = card_sql(catalog, card)
    return {
        "name": card.title,
        "type": "question",
        "display": _display(catalog, card),
        "description": f"{card.description} Source: {catalog.source_of(card)}.",
        "dataset_query": native_query(database, sql, _template_tags(key, sql)),
        "visualization_settings": _settings(catalog, card),
    }


def list_body(name: str, database: int) -> dict[str, Any]:
    """The small card behind a filter's drop-down."""
    title, sql = LISTS[name]
    return {
        "name": f"Filter values: {title}",
        "type": "question",
        "display": "table",
        "description": "What a filter's drop-down offers.",
        "dataset_query": native_query(database, sql),
        "visualization_settings": {},
    }


def _template_tags(key: str, sql: str) -> dict[str, Any]:
    return {
        name: {
            "id": str(uuid.uuid5(_UUIDS, f"{key}/{name}")),
            "name": name,
            "display-name": _NAMES[name],
            "type": "date" if name.startswith("date") else "text",
            "required": False,
        }
        for name in tags_of(sql)
    }


def _display(catalog: Catalog, card: Card) -> str:
    if card.kind == "number":
        return "smartscalar" if has_change(catalog, card) else "scalar"
    return _DISPLAY[card.kind]


def _settings(catalog: Catalog, card: Card) -> dict[str, Any]:
    columns = shown_columns(catalog, card)
    settings = {"column_settings": _column_settings(columns)}
    if card.kind == "number":
        return settings | _number_settings(catalog, card, columns)
    if card.kind == "heatmap":
        return settings | _heatmap_settings(card, columns)
    if card.kind in ("table", "pivot"):
        return settings | _table_settings(card, columns)
    labels = [columns[name].label for name in card.by]
    metrics = [value.label for value in card.values.values()]
    chart = {"graph.dimensions": labels, "graph.metrics": metrics, "graph.x_axis.title_text": labels[0]}
    if len(metrics) == 1:
        chart["graph.y_axis.title_text"] = metrics[0]
    if card.kind in ("bar", "area", "row") and (len(metrics) > 1 or len(labels) > 1):
        chart["stackable.stack_type"] = "stacked"
    colours = {name: {"color": LIGHT[place]} for name, place in zip(metrics, places(metrics), strict=True)}
    return settings | chart | {"series_settings": colours}


def _column_settings(columns: Mapping[str, Column]) -> dict[str, Any]:
    return {
        json.dumps(["name", column.label], separators=(",", ":")): dict(_COLUMN[column.shown_as])
        for column in columns.values()
        if _COLUMN[column.shown_as]
    }


def _number_settings(catalog: Catalog, card: Card, columns: Mapping[str, Column]) -> dict[str, Any]:
    [column] = columns.values()
    if not has_change(catalog, card):
        return {"scalar.field": column.label}
    return {
        "scalar.field": column.label,
        "scalar.comparisons": [
            {"id": "before", "type": "anotherColumn", "column": BEFORE, "label": "the same number of days before"}
        ],
        "scalar.switch_positive_negative": card.better == "down",
        "scalar.compact_primary_number": column.shown_as == "tokens",
    }


def _heatmap_settings(card: Card, columns: Mapping[str, Column]) -> dict[str, Any]:
    value = next(iter(card.values.values())).label
    colours = {
        "columns": [value],
        "type": "range",
        "colors": ["#EDF3F8", "#0072B2"],
        "min_type": "all",
        "max_type": "all",
    }
    return {
        "table.pivot": True,
        "table.pivot_column": columns[card.by[0]].label,
        "table.cell_column": value,
        "table.column_formatting": [colours],
    }


def _table_settings(card: Card, columns: Mapping[str, Column]) -> dict[str, Any]:
    shown = [{"name": column.label, "enabled": True} for column in columns.values()]
    return {"table.columns": shown + ([{"name": "Session id", "enabled": False}] if card.opens else [])}


def parameters(board: Dashboard, lists: Mapping[str, int]) -> list[dict[str, Any]]:
    """The dashboard's filters; `lists` are the ids of the cards behind their drop-downs."""
    return [_parameter(name, lists.get(name)) for name in board.parameters]


def _parameter(name: str, card: int | None) -> dict[str, Any]:
    parameter: dict[str, Any] = {"id": name, "name": _NAMES[name], "slug": name}
    if name.startswith("date"):
        return parameter | {"type": "date/single", "sectionId": "date"}
    parameter |= {"type": "string/=", "sectionId": "string"}
    if card is None:
        return parameter
    field = ["field", LISTS[name][0], {"base-type": "type/Text"}]
    source = {"card_id": card, "value_field": field}
    return parameter | {"values_query_type": "list", "values_source_type": "card", "values_source_config": source}


def dashcards(
    catalog: Catalog, board: Dashboard, tab: Tab, ids: Mapping[str, int], sessions_dashboard: int
) -> list[dict[str, Any]]:
    """The cards of one tab in their places, with filters wired; without the ids that Metabase gives places."""
    return [
        {
            "card_id": ids[f"{board.id}.{card.id}"],
            "row": card.place.row,
            "col": card.place.col,
            "size_x": card.place.width,
            "size_y": card.place.height,
            "parameter_mappings": [
                {
                    "parameter_id": name,
                    "card_id": ids[f"{board.id}.{card.id}"],
                    "target": ["variable", ["template-tag", name]],
                }
                for name in tags_of(card_sql(catalog, card))
                if name in board.parameters
            ],
            "visualization_settings": _opening(catalog, card, sessions_dashboard),
        }
        for card in tab.cards
    ]


def _opening(catalog: Catalog, card: Card, dashboard: int) -> dict[str, Any]:
    """Return the click behaviour of the first column: it opens the dashboard of sessions with that session."""
    if not card.opens:
        return {}
    first = next(iter(shown_columns(catalog, card).values())).label
    source = {"type": "column", "id": "Session id", "name": "Session id"}
    mapping = {"session": {"id": "session", "source": source, "target": {"type": "parameter", "id": "session"}}}
    behaviour = {"type": "link", "linkType": "dashboard", "targetId": dashboard, "parameterMapping": mapping}
    return {"column_settings": {json.dumps(["name", first], separators=(",", ":")): {"click_behavior": behaviour}}}
