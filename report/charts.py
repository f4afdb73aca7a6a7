"""Vega-Lite specifications of cards as plain dicts: one per card, without data and without a theme's colours.

Rows have, beside each number `x`, its formatted text `x_text` for tooltips. Colours come from the page's theme as
config, so that one specification works for light, dark and print.
"""

from typing import Any

from common.design import colours, tokens
from dashboards.card_sql import label_of
from dashboards.definitions import Card, Column, Format, Value
from dashboards.palette import DARK, LIGHT, places

Spec = dict[str, Any]
UNSET: Any = object()

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

_MARKS: dict[str, Spec] = {
    "bar": {"type": "bar", "orient": "vertical", "binSpacing": 0.5},
    "area": {"type": "area"},
    "line": {"type": "line", "point": {"size": 18}},
}


def theme(dark: bool) -> dict[str, Any]:
    """Vega-Lite config for one colour scheme: quiet axes, no frame, the page's own fonts."""
    token = tokens(dark=dark)
    ink, quiet, line, font = (token[name] for name in ("ink", "quiet", "line", "font"))
    palette = list(DARK if dark else LIGHT)
    ramp = list(colours("ramp", dark=dark))
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


def has_chart(card: Card) -> bool:
    """Return whether the card is a chart; numbers and tables are not."""
    return card.kind in ("line", "area", "bar", "row", "heatmap")


def specification(card: Card, columns: dict[str, Column], series: list[str]) -> Spec:
    """The Vega-Lite specification; `series` are the values of the colour column, largest first."""
    draw = {"row": _row, "heatmap": _heatmap}.get(card.kind, _over_time)
    height = max(card.place.height * GRID_ROW_PIXELS - 96, 90)
    return {"data": {"name": "rows"}, "width": "container", "height": height, **draw(card, columns, series)}


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
    """Return whether several values share one chart as series."""
    return has_chart(card) and card.kind != "heatmap" and len(card.values) > 1 and len(card.by) == 1


def _value(card: Card) -> tuple[str, Value]:
    name, value = next(iter(card.values.items()))
    return ("amount", value) if folds(card) else (name, value)


def _set(**given: Any) -> Spec:
    """Return the keys that are set: to Vega-Lite, None is a value."""
    return {key: value for key, value in given.items() if value is not UNSET}


def _axis(value: Value, **more: Any) -> Spec:
    whole = 1 if value.format in ("count", "tokens") else UNSET
    return _set(tickCount=5, labelExpr=_AXIS.get(value.format, UNSET), tickMinStep=whole, **more)


def _tooltips(card: Card, columns: dict[str, Column]) -> list[Spec]:
    shown = {f"{name}_text": label_of(columns, name) for name in card.by}
    if folds(card):
        shown |= {"series": "Figure", "amount_text": "Value"}
    else:
        shown |= {f"{name}_text": value.label for name, value in card.values.items()}
    return [{"field": field, "type": "nominal", "title": title} for field, title in shown.items()]


def _colour(card: Card, series: list[str]) -> Any:
    if folds(card):
        labels = [value.label for value in card.values.values()]
        scale = {"domain": labels, "range": [LIGHT[place] for place in places(labels)]}
        return {"field": "series", "type": "nominal", "scale": scale, "legend": {}}
    if len(card.by) > 1 and series:
        return {"field": card.by[1], "type": "nominal", "scale": {"domain": series}, "legend": {}}
    return UNSET


def _over_time(card: Card, columns: dict[str, Column], series: list[str]) -> Spec:
    name, value = _value(card)
    stack = None if card.kind == "line" else "zero"
    colour = _colour(card, series)
    stacked = {"field": "order", "type": "quantitative"} if colour is not UNSET and stack else UNSET
    y = {"field": name, "type": "quantitative", "title": _unit(value, folds(card)), "axis": _axis(value)}
    encoding = _set(y=y | {"stack": stack}, color=colour, order=stacked, tooltip=_tooltips(card, columns))
    return {"mark": _MARKS[card.kind], "encoding": _horizontal(card, columns) | encoding}


def _horizontal(card: Card, columns: dict[str, Column]) -> Spec:
    """Return the axis of time or of an ordered column; a bar of time is as wide as its day."""
    first = card.by[0]
    if columns[first].kind != "day":
        axis = {"labelAngle": 0, "labelOverlap": "greedy"}
        return {"x": _ordered(columns, first, title=label_of(columns, first), axis=axis)}
    axis = {"format": "%-d %b %y", "tickCount": 6, "labelOverlap": "greedy", "grid": False}
    x = {"field": first, "type": "temporal", "timeUnit": "binnedutcyearmonthdate", "title": None, "axis": axis}
    return _set(x=x, x2={"field": "until"} if card.kind == "bar" else UNSET)


def _unit(value: Value, folded: bool) -> str:
    units = {"usd": "US dollars", "tokens": "Tokens", "percent": "Share", "duration": "Duration", "bytes": "Size"}
    return units.get(value.format, "Count") if folded else value.label


def _row(card: Card, columns: dict[str, Column], series: list[str]) -> Spec:
    name, value = _value(card)
    labels = {"labelLimit": 150, "domain": False, "ticks": False}
    y = {"field": card.by[0], "type": "nominal", "title": None, "sort": None, "axis": labels}
    x = {"field": name, "type": "quantitative", "title": _unit(value, folds(card)), "stack": "zero"}
    colour, tooltips = _colour(card, series), _tooltips(card, columns)
    encoding = _set(y=y, x=x | {"axis": _axis(value, grid=True)}, color=colour, tooltip=tooltips)
    return {"mark": {"type": "bar", "cornerRadiusEnd": 2}, "encoding": encoding}


def _heatmap(card: Card, columns: dict[str, Column], _: list[str]) -> Spec:
    x, y = card.by[0], card.by[1]
    name, value = _value(card)
    bare = {"ticks": False, "domain": False}
    legend = {"title": value.label, "orient": "top", "gradientLength": 160, "gradientThickness": 8}
    encoding = {
        "x": _ordered(columns, x, title=label_of(columns, x), axis=bare | {"labelAngle": 0, "labelOverlap": "greedy"}),
        "y": _ordered(columns, y, title=None, axis=bare),
        "color": {"field": name, "type": "quantitative", "legend": legend, "scale": {"domainMin": 0}},
        "tooltip": _tooltips(card, columns),
    }
    return {"mark": {"type": "rect", "cornerRadius": 2}, "encoding": encoding}


def _ordered(columns: dict[str, Column], name: str, **more: Any) -> Spec:
    order = list(columns[name].order)
    scale = {"domain": order, "paddingInner": 0.08} if order else UNSET
    return _set(field=name, type="ordinal", sort=order or None, scale=scale, **more)
