"""The SQL of a card: what Metabase would make of its tags, and what stays without them."""

from datetime import date

import duckdb
import pytest

from dashboards.card_sql import bind, card_sql, for_given_period, tags_of
from dashboards.definitions import Card, Catalog, Column, Dataset, load_catalog

SQL = "select 1 where true [[and project = {{project}}]] [[and day between {{date_from}} and {{date_to}}]]"


def test_an_optional_part_stays_when_all_its_tags_have_a_value() -> None:
    assert bind(SQL, {"project": "app", "date_from": "2026-01-01"}) == (
        "select 1 where true and project = $project ",
        {"project": "app"},
    )


def test_without_values_only_the_required_parts_stay() -> None:
    assert bind(SQL, {}) == ("select 1 where true  ", {})


def test_a_value_travels_as_a_parameter_and_not_as_text() -> None:
    sql, values = bind("select {{project}} as p", {"project": "'; drop table x; --"})
    assert duckdb.execute(sql, values).fetchone() == ("'; drop table x; --",)


def test_tags_are_found_in_order_and_once() -> None:
    assert tags_of(SQL + " {{ project }}") == ("project", "date_from", "date_to")


@pytest.fixture
def numbers() -> Catalog:
    """A dataset of six rows on three days, one without a figure, and the two marts that the period reads."""
    dataset = Dataset(
        marts=("fct_numbers",),
        grain="one row",
        sql="select * from marts.fct_numbers",
        columns={"day": {"kind": "day"}, "project": {"kind": "label"}, "n": {"kind": "number"}},  # type: ignore[dict-item]
    )
    return Catalog({"numbers": dataset}, ())


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    database = duckdb.connect()
    database.execute("""
        create schema marts;
        create table marts.fct_numbers as
        select * from (values
            (date '2026-01-10', 'app', 1), (date '2026-01-10', 'lib', 2), (date '2026-02-09', 'app', 4),
            (date '2026-02-20', 'app', 8), (date '2026-02-20', 'lib', 16), (date '2026-02-20', 'new', null)
        ) as t (day, project, n);
        create table marts.dim_date as
        select distinct cast(strftime(day, '%Y%m%d') as integer) as date_key, day as full_date, year(day) as year
        from marts.fct_numbers;
        create table marts.agg_daily_summary as select date_key from marts.dim_date;
    """)
    return database


def _card(**more: object) -> Card:
    given = {
        "id": "card",
        "title": "A title",
        "description": "What it shows.",
        "empty": "Nothing to show.",
        "dataset": "numbers",
        "place": {"col": 0, "row": 0, "width": 6, "height": 3},
        "values": {"n": {"of": "sum(n)", "label": "N"}},
    }
    return Card.model_validate(given | more)


def test_the_period_is_thirty_days_up_to_the_last_day_with_data(
    connection: duckdb.DuckDBPyConnection, numbers: Catalog
) -> None:
    card = _card(kind="row", by=["project"])
    found = connection.execute(*bind(card_sql(numbers, card), {})).fetchall()
    assert found == [("lib", 16), ("app", 12), ("new", None)]


def test_bars_of_several_values_are_sorted_by_their_whole_length(
    connection: duckdb.DuckDBPyConnection, numbers: Catalog
) -> None:
    """By the first value alone a limit would drop the longest bars."""
    values = {"n": {"of": "min(n)", "label": "Least"}, "m": {"of": "max(n)", "label": "Most"}}
    card = _card(kind="row", by=["project"], values=values, limit=1)
    everything = {"date_from": "2026-01-01", "date_to": "2026-12-31"}
    connection.execute(
        "insert into marts.fct_numbers values (date '2026-02-20', 'big', 0), (date '2026-02-20', 'big', 99)"
    )
    assert connection.execute(*bind(card_sql(numbers, card), everything)).fetchall() == [("big", 0, 99)]


def test_a_number_stands_beside_the_period_before_it_even_when_that_is_empty(
    connection: duckdb.DuckDBPyConnection, numbers: Catalog
) -> None:
    sql = card_sql(numbers, _card(kind="number"))
    assert connection.execute(*bind(sql, {})).fetchall() == [(date(2026, 1, 22), 3, 28)]
    recent = {"date_from": "2026-02-20", "date_to": "2026-02-20"}
    assert connection.execute(*bind(sql, recent)).fetchall() == [(date(2026, 2, 20), 0, 24)]


def test_a_sum_of_nothing_is_zero_and_a_sum_of_what_is_not_known_is_not_known(
    connection: duckdb.DuckDBPyConnection, numbers: Catalog
) -> None:
    sql = card_sql(numbers, _card(kind="number"))
    assert connection.execute(*bind(sql, {"project": "new"})).fetchall() == [(date(2026, 1, 22), 0, None)]


def test_a_filter_cuts_both_periods(connection: duckdb.DuckDBPyConnection, numbers: Catalog) -> None:
    sql = card_sql(numbers, _card(kind="number"))
    assert connection.execute(*bind(sql, {"project": "lib"})).fetchall() == [(date(2026, 1, 22), 2, 16)]


def test_a_heatmap_has_a_row_for_every_cell_in_the_order_of_both_columns(connection: duckdb.DuckDBPyConnection) -> None:
    """Metabase's pivot keeps the order of first appearance: 'Tue' alone in the first hour would come before 'Mon'."""
    dataset = Dataset(
        marts=("fct_numbers",),
        grain="one row",
        sql="select day, if(n > 1, 'Tue', 'Mon') as weekday, if(n > 1, '00', '01') as hour, n from marts.fct_numbers",
        columns={
            "day": Column(kind="day"),
            "weekday": Column(kind="label", order=("Mon", "Tue", "Wed")),
            "hour": Column(kind="label", order=("00", "01")),
            "n": Column(kind="number"),
        },
    )
    catalog = Catalog({"numbers": dataset}, ())
    found = connection.execute(*bind(card_sql(catalog, _card(kind="heatmap", by=["hour", "weekday"])), {})).fetchall()
    hours, days = ("00", "01"), ("Mon", "Tue", "Wed")
    assert [row[:2] for row in found] == [(hour, day) for hour in hours for day in days]
    assert [row[2] for row in found] == [None, 28, None, None, None, None]


def test_every_statement_of_the_product_is_the_same_each_time_it_is_made() -> None:
    first, second = load_catalog(), load_catalog()
    for key, card in first.cards.items():
        assert card_sql(first, card) == card_sql(second, second.cards[key])


@pytest.mark.parametrize("more", [{}, {"kind": "number"}, {"by": ["project"]}, {"kind": "line", "by": ["day"]}])
def test_the_statement_for_one_period_gives_what_the_parameters_give(
    connection: duckdb.DuckDBPyConnection, numbers: Catalog, more: dict[str, object]
) -> None:
    sql = card_sql(numbers, _card(**({"kind": "table", "by": ["day"]} | more)))
    given = {"date_from": "2026-02-09", "date_to": "2026-02-20"}
    for_it = for_given_period(sql, date(2026, 2, 9), date(2026, 2, 20))
    assert tags_of(for_it) == tuple(tag for tag in tags_of(sql) if tag not in given)
    expected = connection.execute(*bind(sql, given)).fetchall()
    assert connection.execute(*bind(for_it, {})).fetchall() == expected != []
