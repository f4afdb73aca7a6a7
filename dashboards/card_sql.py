"""Native DuckDB SQL for a card, with Metabase's `{{tags}}` and `[[optional parts]]`, and the same filled in for us.

Both use the same text: Metabase stores `card_sql`, and `bind` fills it in like Metabase, so that the report and
the tests run the same statement as a dashboard.
"""

import re
from collections.abc import Mapping
from datetime import date

from dashboards.definitions import Card, Catalog, Column, Dataset, Value

DEFAULT_DAYS = 30
"""Days that a dashboard shows by default; they end with the last day that has data."""

BEFORE = "Period before"
"""The column that holds a figure's value in the period before."""

WHOLE_BAR = "whole_bar"
"""The sort key of bars of several values: their sum."""

TAG = re.compile(r"\{\{\s*(\w+)\s*\}\}")
OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)

PERIOD = f"""\
period as (
    select
        coalesce(
            [[cast({{{{date_from}}}} as date),]]
            coalesce([[cast({{{{date_to}}}} as date),]] max(full_date)) - {DEFAULT_DAYS - 1}
        ) as first_day,
        coalesce([[cast({{{{date_to}}}} as date),]] max(full_date)) as last_day
    from marts.agg_daily_summary
    inner join marts.dim_date using (date_key)
    where year between 2000 and 2100
)"""

BOTH_PERIODS = """\
periods as (
    select first_day, last_day from period
    union all
    select first_day - cast(last_day - first_day + 1 as integer), first_day - 1 from period
)"""

# Consecutive days have the same difference to their rank.
_RUNS = (
    "list_aggregate(list_transform(list_sort(list_distinct(list({0}))),"
    " lambda each, place: each - cast(place as integer)), 'histogram')"
)

_SIMPLE = {
    "sum": "sum({0})",
    "average": "avg({0})",
    "median": "median({0})",
    "p95": "quantile_cont({0}, 0.95)",
    "min": "min({0})",
    "max": "max({0})",
    "distinct": "count(distinct {0})",
    "ratio": "sum({0}) / nullif(sum({1}), 0)",
    "streak": f"coalesce(list_max(map_values({_RUNS})), 0)",
    # Today without a prompt so far does not end it; yesterday without one does.
    "current_streak": "if(max({0}) >= max(last_day) - 1, coalesce(map_extract("
    + _RUNS
    + ", max({0}) - cast(count(distinct {0}) as integer))[1], 0), 0)",
}


def card_sql(catalog: Catalog, card: Card) -> str:
    """The card's native SQL."""
    if card.sql is not None:
        return card.sql.strip() + "\n"
    assert card.dataset is not None, "checked by the definitions"
    dataset = catalog.datasets[card.dataset]
    if has_change(catalog, card):
        return _number_with_change(card, dataset)
    if card.kind == "heatmap":
        return _heatmap(card, dataset)
    return _grouped(card, dataset)


def has_change(catalog: Catalog, card: Card) -> bool:
    """Whether the card is a figure that is shown beside the same of the period before."""
    compared = card.compare and not card.from_beginning
    return bool(card.kind == "number" and card.dataset and compared and "day" in catalog.columns_of(card))


def tags_of(sql: str) -> tuple[str, ...]:
    """Return a statement's parameters, in order of appearance."""
    return tuple(dict.fromkeys(TAG.findall(sql)))


def bind(sql: str, values: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return the statement with optional parts kept or dropped by the given parameters, and `$name` for each tag."""

    def keep(found: re.Match[str]) -> str:
        return found[1] if all(values.get(name) for name in TAG.findall(found[1])) else ""

    kept = OPTIONAL.sub(keep, sql)
    used = tags_of(kept)
    return TAG.sub(r"$\1", kept), {name: values[name] for name in used}


def for_given_period(sql: str, first: date, last: date) -> str:
    """Return the statement for one fixed period, without a lookup or parameters for it."""
    return sql.replace(PERIOD, f"period as (select date '{first}' as first_day, date '{last}' as last_day)")


def measure_sql(value: Value, row_count: str = "*") -> str:
    """Return the SQL aggregate of a value."""
    function, names = value.parts
    if function == "count":
        return f"count({row_count})"
    return _SIMPLE[function].format(*names)


def _with(dataset: Dataset, *more: str) -> str:
    body = "\n".join(f"    {line}".rstrip() for line in dataset.sql.strip().splitlines())
    return "with facts as (\n" + body + "\n)" + "".join(f",\n{part}" for part in more)


def _filters(card: Card, dataset: Dataset) -> list[str]:
    lines = [f"{name} = {_literal(value)}" for name, value in card.where.items()]
    if dataset.pick:
        column = dataset.pick.column
        lines.append(f"{column} = coalesce([[{{{{{column_tag(column)}}}}},]] {dataset.pick.first})")
    lines += [f"[[and {name} = {{{{{name}}}}}]]" for name in ("project", "model", "host") if name in dataset.columns]
    return lines


def selected(card: Card) -> tuple[str, ...]:
    """The plain columns of the card's rows; one that opens a session brings the session's id along."""
    names = card.by or card.list_
    return (*names, "session_id") if card.opens and "session_id" not in names else names


def column_tag(column: str) -> str:
    """The parameter that picks a value of this column."""
    return "session" if column == "session_id" else column


def _where(conditions: list[str], indent: str = "") -> str:
    required = [line for line in conditions if not line.startswith("[[")] or ["true"]
    optional = [line for line in conditions if line.startswith("[[")]
    return "\n".join(
        [
            f"{indent}where {required[0]}",
            *(f"{indent}  and {line}" for line in required[1:]),
            *(f"{indent}  {line}" for line in optional),
        ]
    )


def _literal(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def _grouped(card: Card, dataset: Dataset) -> str:
    timed = "day" in dataset.columns and not dataset.pick
    columns = [f"    {name} as {_quoted(label_of(dataset.columns, name))}" for name in selected(card)]
    columns += [f"    {measure_sql(value)} as {_quoted(value.label)}" for value in card.values.values()]
    span = "day <= last_day" if card.from_beginning else "day between first_day and last_day"
    conditions = [span] if timed else []
    lines = [
        _with(dataset, *([PERIOD] if timed else [])),
        "select\n" + ",\n".join(columns),
        "from facts" + ("\ncross join period" if timed else ""),
        _where(conditions + _filters(card, dataset)),
    ]
    if card.by:
        lines.append("group by " + ", ".join(card.by))
    if order := _order(card, dataset):
        lines.append(f"order by {order}")
    if card.limit:
        lines.append(f"limit {card.limit}")
    return "\n".join(lines) + "\n"


def _number_with_change(card: Card, dataset: Dataset) -> str:
    """One row: the period's first day, the figure of the period before, the figure itself.

    A row per period does not work: Metabase takes the last row with a figure as the current one, so that an empty
    period shows the one before as current, and it names periods by the rows' distance: 30 days are a "month".
    """
    [value] = card.values.values()
    measure = measure_sql(value, "day")
    if value.parts[0] == "sum":  # without rows it is zero; if every row lacks the figure it is unknown
        measure = f"case when count(day) = 0 then 0 else {measure} end"
    filters = [f"      {line}" if line.startswith("[[") else f"      and {line}" for line in _filters(card, dataset)]
    figures = [
        "figures as (",
        f"    select\n        periods.first_day,\n        {measure} as figure",
        "    from periods",
        "    left join facts",
        "      on day between periods.first_day and periods.last_day",
        *filters,
        "    group by periods.first_day",
        ")",
    ]
    lines = [
        _with(dataset, PERIOD, BOTH_PERIODS, "\n".join(figures)),
        "select",
        '    this.first_day as "Period from",',
        f"    before.figure as {_quoted(BEFORE)},",
        f"    this.figure as {_quoted(value.label)}",
        "from figures as this",
        "inner join figures as before on before.first_day < this.first_day",
    ]
    return "\n".join(lines) + "\n"


def _heatmap(card: Card, dataset: Dataset) -> str:
    """A row for every cell, the empty ones without a figure.

    Metabase's pivot orders columns and rows by first appearance: with a cell missing, the order is wrong.
    """
    grid = [
        f"select unnest([{', '.join(_literal(v) for v in dataset.columns[name].order)}]) as {name}" for name in card.by
    ]
    labels = [f"    {name} as {_quoted(label_of(dataset.columns, name))}," for name in card.by]
    measures = [f"    {measure_sql(value, 'day')} as {_quoted(value.label)}" for value in card.values.values()]
    counted = _where(["day between first_day and last_day", *_filters(card, dataset)], "    ")
    cells = f"cells as (\n    select facts.*\n    from facts\n    cross join period\n{counted}\n)"
    lines = [
        _with(dataset, PERIOD, cells),
        "select",
        *labels,
        ",\n".join(measures),
        f"from ({grid[0]})",
        *(f"cross join ({axis})" for axis in grid[1:]),
        f"left join cells using ({', '.join(card.by)})",
        "group by " + ", ".join(card.by),
        f"order by {_order(card, dataset)}",
    ]
    return "\n".join(lines) + "\n"


def sort_keys(card: Card, columns: Mapping[str, Column]) -> list[tuple[str, bool]]:
    """Names to sort by, each with True for largest first.

    The card's `sort`; else days and ordered columns by their values, bars of several values by their sum, and all
    other rows by the first value.
    """
    dimensions = [(name, False) for name in card.by]
    if card.sort:
        name = card.sort.removeprefix("-")
        return [(name, card.sort.startswith("-")), *(key for key in dimensions if key[0] != name)]
    if card.by and not _natural(columns[card.by[0]]):
        stacked = card.kind == "row" and len(card.values) > 1
        return [(WHOLE_BAR if stacked else next(iter(card.values)), True), *dimensions]
    return dimensions


def _order(card: Card, dataset: Dataset) -> str:
    def written(name: str, descending: bool) -> str:
        if name == WHOLE_BAR:
            shown = " + ".join(f"coalesce({measure_sql(value)}, 0)" for value in card.values.values())
        else:
            shown = _quoted(card.values[name].label) if name in card.values else _sort_key(dataset.columns, name)
        return f"{shown} desc nulls last" if descending else shown

    return ", ".join(written(*key) for key in sort_keys(card, dataset.columns))


def _natural(column: Column) -> bool:
    return column.kind in ("day", "time", "number") or bool(column.order)


def _sort_key(columns: Mapping[str, Column], name: str) -> str:
    if order := columns[name].order:
        return f"list_position([{', '.join(_literal(value) for value in order)}], {name})"
    return name


def label_of(columns: Mapping[str, Column], name: str) -> str:
    """What a column is called on a screen."""
    return columns[name].label or name.replace("_", " ").capitalize()


def _quoted(label: str) -> str:
    return '"' + label.replace('"', '""') + '"'
