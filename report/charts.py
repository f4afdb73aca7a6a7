"""Vega-Lite specifications of cards, through altair: one per card, without data and without colours of a theme.

Rows carry, beside each number `x`, its written form `x_text` for tooltips. Colours come from the page's theme as
config, so that one specification serves light, dark and print.
"""

from typing import Any

import altair as alt
import vl_convert

from dashboards.card_sql import label_of
from dashboards.definitions import Card, Column, Format, Value
from dashboards.palette import DARK, LIGHT

SERIES_LIMIT = 6
OTHER = "Other"
GRID_ROW_PIXELS = 46

_AXIS: dict[Format, str] = {
    "tokens": "upper(replace(format(datum.value, '~s'), 'G', 'B'))",
    "count": "upper(replace(format(datum.value, '~s'), 'G', 'B'))",
    "usd": "datum.value >= 1000 ? upper(format(datum.value, '$~s')) : format(datum.value, '$~f')",
    "percent": "format(datum.value, '~%')",
    "duration": "datum.value == 0 ? '0' : datum.value >= 3600000 ? format(datum.value / 3600000, '.2~f') + ' h'"
    " : datum.value >= 60000 ? format(datum.value / 60000, '.1~f') + ' min'"
    " : datum.value >= 1000 ? format(datum.value / 1000, '~f') + ' s' : format(datum.value, '~f') + ' ms'",
}


def theme(dark: bool) -> dict[str, Any]:
    """Vega-Lite config for one colour scheme: quiet axes, no frame, the page's own fonts."""
    ink, quiet, line = ("#E8EAED", "#A6ADB8", "#30363F") if dark else ("#1B1F24", "#59636E", "#E3E7EB")
    font = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
    palette = list(DARK if dark else LIGHT)
    ramp = ["#1A232E", "#21527A", "#56B4E9", "#D3EEFF"] if dark else ["#EDF3F8", "#9CC6E3", "#2C85BE", "#003E63"]
    text = {
        "labelColor": quiet,
        "titleColor": quiet,
        "labelFont": font,
        "titleFont": font,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": 500,
    }
    return {
        "background": "transparent",
        "font": font,
        "view": {"stroke": None},
        "range": {"category": palette, "ramp": ramp, "heatmap": ramp},
        "axis": {
            **text,
            "gridColor": line,
            "domainColor": line,
            "tickColor": line,
            "labelLimit": 180,
            "labelSeparation": 4,
            "titlePadding": 8,
            "labelPadding": 4,
        },
        "axisX": {"grid": False, "labelFlush": True},
        "axisY": {"domain": False, "ticks": False},
        "legend": {
            **text,
            "orient": "top",
            "title": None,
            "symbolType": "circle",
            "symbolSize": 70,
            "columnPadding": 14,
            "labelLimit": 170,
            "offset": 4,
        },
        "bar": {"color": palette[0]},
        "line": {"color": palette[0], "strokeWidth": 2},
        "area": {"color": palette[0], "opacity": 0.85},
        "title": {"color": ink, "subtitleColor": quiet, "font": font, "subtitleFont": font, "subtitlePadding": 6},
        "text": {"color": ink, "font": font, "fontSize": 11},
    }


def compiled(chart: dict[str, Any]) -> dict[str, Any]:
    """The same chart as a Vega specification in the light theme's colours, for a page that brings Vega alone.

    The page fills in data and width, gives the config of its own theme and swaps the colours of marks for a dark one.
    """
    sized = chart | {"width": 400, "autosize": {"type": "fit", "contains": "padding"}}
    made: dict[str, Any] = vl_convert.vegalite_to_vega(sized, config=theme(dark=False))
    return {key: value for key, value in made.items() if key not in ("config", "$schema")}


def compiled_theme(dark: bool) -> dict[str, Any]:
    """The theme as Vega itself reads it."""
    anything = alt.Chart(alt.NamedData(name="rows")).mark_bar().encode(x="a:Q").to_dict()
    anything.pop("config", None)
    made: dict[str, Any] = vl_convert.vegalite_to_vega(anything, config=theme(dark))["config"]
    return made | {"background": "transparent"}


def has_chart(card: Card) -> bool:
    """True when the card is drawn; numbers and tables are not."""
    return card.kind in ("line", "area", "bar", "row", "heatmap")


def specification(card: Card, columns: dict[str, Column], series: list[str]) -> dict[str, Any]:
    """The Vega-Lite specification; `series` are the values of the colour column, largest first."""
    chart = alt.Chart(alt.NamedData(name="rows"))
    height = max(card.place.height * GRID_ROW_PIXELS - 96, 90)
    drawn = {"row": _row, "heatmap": _heatmap}.get(card.kind, _over_time)(chart, card, columns, series)
    made: dict[str, Any] = drawn.properties(width="container", height=height).to_dict(validate=True)
    for key in ("config", "$schema"):
        made.pop(key, None)
    return made


def folded_rows(card: Card, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For several values in one chart: one row per value, named by `series`, sized by `amount`."""
    if not folds(card):
        return rows
    return [
        {**row, "series": value.label, "amount": row[name], "amount_text": row[f"{name}_text"]}
        for row in rows
        for name, value in card.values.items()
    ]


def folds(card: Card) -> bool:
    """True when several values share one chart as series."""
    return has_chart(card) and card.kind != "heatmap" and len(card.values) > 1 and len(card.by) == 1


def _value(card: Card) -> tuple[str, Value]:
    name, value = next(iter(card.values.items()))
    return ("amount", value) if folds(card) else (name, value)


def _axis(value: Value, **more: Any) -> alt.Axis:
    expression = _AXIS.get(value.format)
    extra: dict[str, Any] = {"labelExpr": expression} if expression else {}
    whole: dict[str, Any] = {"tickMinStep": 1} if value.format in ("count", "tokens") else {}
    return alt.Axis(tickCount=5, **extra, **whole, **more)


def _tooltips(card: Card, columns: dict[str, Column], used: tuple[str, ...]) -> list[alt.Tooltip]:
    dimensions = [alt.Tooltip(f"{name}_text:N", title=label_of(columns, name)) for name in used]
    if folds(card):
        return [*dimensions, alt.Tooltip("series:N", title="Figure"), alt.Tooltip("amount_text:N", title="Value")]
    return [*dimensions, *(alt.Tooltip(f"{name}_text:N", title=v.label) for name, v in card.values.items())]


def _colour(card: Card, series: list[str]) -> Any:
    if folds(card):
        labels = [value.label for value in card.values.values()]
        return alt.Color("series:N", scale=alt.Scale(domain=labels), legend=alt.Legend())
    if len(card.by) > 1 and series:
        return alt.Color(f"{card.by[1]}:N", scale=alt.Scale(domain=series), legend=alt.Legend())
    return alt.Undefined


def _over_time(chart: alt.Chart, card: Card, columns: dict[str, Column], series: list[str]) -> Any:
    first = card.by[0]
    name, value = _value(card)
    if columns[first].kind == "day":
        axis = alt.Axis(format="%-d %b %y", tickCount=6, labelOverlap="greedy", grid=False)
        x = alt.X(f"{first}:T", timeUnit="binnedutcyearmonthdate", title=None, axis=axis)
        x2 = alt.X2("until:T") if card.kind == "bar" else alt.Undefined
    else:
        order, x2 = list(columns[first].order) or None, alt.Undefined
        x = alt.X(
            f"{first}:O",
            title=label_of(columns, first),
            sort=order,
            scale=_domain(columns[first]),
            axis=alt.Axis(labelAngle=0, labelOverlap="greedy"),
        )
    marks: dict[str, Any] = {
        "bar": lambda: chart.mark_bar(orient="vertical", binSpacing=0.5),
        "area": chart.mark_area,
        "line": lambda: chart.mark_line(point=alt.OverlayMarkDef(size=18)),
    }
    stack: Any = None if card.kind == "line" else "zero"
    return marks[card.kind]().encode(
        x=x,
        x2=x2,
        y=alt.Y(f"{name}:Q", title=_unit(value, folds(card)), axis=_axis(value), stack=stack),
        color=_colour(card, series),
        order=alt.Order("order:Q") if _colour(card, series) is not alt.Undefined and stack else alt.Undefined,
        tooltip=_tooltips(card, columns, card.by),
    )


def _unit(value: Value, folded: bool) -> str:
    units = {"usd": "US dollars", "tokens": "Tokens", "percent": "Share", "duration": "Duration", "bytes": "Size"}
    return units.get(value.format, "Count") if folded else value.label


def _row(chart: alt.Chart, card: Card, columns: dict[str, Column], series: list[str]) -> Any:
    first = card.by[0]
    name, value = _value(card)
    return chart.mark_bar(cornerRadiusEnd=2).encode(
        y=alt.Y(f"{first}:N", title=None, sort=None, axis=alt.Axis(labelLimit=150, domain=False, ticks=False)),
        x=alt.X(f"{name}:Q", title=_unit(value, folds(card)), axis=_axis(value, grid=True), stack="zero"),
        color=_colour(card, series),
        tooltip=_tooltips(card, columns, card.by),
    )


def _heatmap(chart: alt.Chart, card: Card, columns: dict[str, Column], _: list[str]) -> Any:
    x, y = card.by[0], card.by[1]
    name, value = _value(card)
    legend = alt.Legend(title=value.label, orient="top", gradientLength=160, gradientThickness=8)
    return chart.mark_rect(cornerRadius=2).encode(
        x=alt.X(
            f"{x}:O",
            title=label_of(columns, x),
            sort=list(columns[x].order) or None,
            scale=_domain(columns[x]),
            axis=alt.Axis(labelAngle=0, ticks=False, domain=False, labelOverlap="greedy"),
        ),
        y=alt.Y(
            f"{y}:O",
            title=None,
            sort=list(columns[y].order) or None,
            scale=_domain(columns[y]),
            axis=alt.Axis(ticks=False, domain=False),
        ),
        color=alt.Color(f"{name}:Q", legend=legend, scale=alt.Scale(domainMin=0)),
        tooltip=_tooltips(card, columns, card.by),
    )


def _domain(column: Column) -> Any:
    return alt.Scale(domain=list(column.order), paddingInner=0.08) if column.order else alt.Undefined
