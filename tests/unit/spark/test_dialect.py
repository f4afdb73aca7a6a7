"""What the dialect writes for Spark: each construct of DuckDB that the models use and Spark does not know."""

import pytest

from spark.dialect import to_spark
from spark.parts import Place, with_parts_computed

COLUMNS = {
    "s": {
        "t": {
            "k": "varchar",
            "n": "bigint",
            "d": "date",
            "at": "timestamptz",
            "x": "double",
            "l": "varchar[]",
            "j": "json",
        },
        "u": {"k": "varchar", "at": "timestamptz", "v": "bigint"},
    }
}


def plain(sql: str) -> str:
    """Return the statement of Spark without its quotes."""
    return to_spark(sql, COLUMNS).replace("`", "")


@pytest.mark.parametrize(
    ("sql", "part"),
    [
        ("select n / 2 as h from s.t", "(CAST(t.n AS DOUBLE) / CAST(2 AS DOUBLE))"),
        ("select cast(x as bigint) as h from s.t", "CAST(RINT(t.x) AS BIGINT)"),
        ("select d - date '2026-01-01' as h from s.t", "DATEDIFF(t.d, CAST('2026-01-01' AS DATE))"),
        ("select timezone('Europe/Berlin', at) as h from s.t", "FROM_UTC_TIMESTAMP(t.at, 'Europe/Berlin')"),
        (
            "select coalesce(at, 'infinity') as h from s.t",
            "COALESCE(t.at, CAST('9999-12-31 23:59:59.999999' AS TIMESTAMP))",
        ),
        ("select l[-1] as h, l[-2:] as g from s.t", "ELEMENT_AT(t.l, -1) AS h, SLICE(t.l, -2, 2) AS g"),
        ("select j ->> '$.a.b' as h from s.t", "GET_JSON_OBJECT(t.j, '$.a.b')"),
        ("select regexp_extract(k, 'a$') as h from s.t", r"REGEXP_EXTRACT(t.k, '(?d)a\\z', 0)"),
        (
            "select count(*) filter (where n > 1) over (partition by k) as h from s.t",
            "COUNT(IF(t.n > 1, 1, NULL)) OVER",
        ),
        ("select first(k order by n) as h from s.t", "MIN_BY(t.k, STRUCT((t.n IS NULL), t.n))"),
        (
            "select arg_min(k, n) as h, arg_min_null(k, (n, at)) as g from s.t",
            "MIN_BY(t.k, IF(NOT (t.k) IS NULL, t.n, NULL)) AS h,"
            " MIN_BY(t.k, STRUCT((t.n IS NULL), t.n, (t.at IS NULL), t.at)) AS g",
        ),
        (
            "select arg_min_null(k, (n, x)) filter (where n > 1) as h from s.t",
            "MIN_BY(t.k, IF(t.n > 1, STRUCT((t.n IS NULL), t.n, (t.x IS NULL), t.x), NULL)) AS h",
        ),
        ("select if(n > 1, 2) as h from s.t", "IF(t.n > 1, 2, NULL)"),
        ("select mad(n) over (partition by k) as h from s.t", "DUCK_MAD(COLLECT_LIST(t.n) OVER (PARTITION BY t.k))"),
        (
            "select n in (select v from s.u) as h from s.t",
            "ARRAY_CONTAINS((SELECT COLLECT_SET(u.v) AS found FROM s.u AS u), t.n)",
        ),
        ("select k from s.t order by n", "ORDER BY t.n NULLS LAST"),
    ],
)
def test_a_construct_is_written_as_spark_has_it(sql: str, part: str) -> None:
    assert part in plain(sql)


def test_qualify_is_a_condition_on_an_inner_query() -> None:
    found = plain("select k from s.t qualify row_number() over (partition by k order by n) = 1")
    assert "QUALIFY" not in found
    assert found.endswith("AS kept WHERE kept.is_qualified")


def test_a_star_without_some_columns_names_the_others() -> None:
    assert plain("select * exclude (n, d, at, l, j) from s.t") == "SELECT t.k AS k, t.x AS x FROM s.t AS t"


def test_a_union_by_name_has_the_columns_of_both_sides_in_one_order() -> None:
    found = plain("select k, n from s.t union all by name select v, k from s.u")
    assert found == (
        "SELECT t.k AS k, t.n AS n, NULL AS v FROM s.t AS t UNION ALL "
        "SELECT u.k AS k, NULL AS n, u.v AS v FROM s.u AS u"
    )


def test_the_nearest_row_before_is_found_by_its_moment() -> None:
    found = plain("select t.n, u.v from s.t asof join s.u on t.k = u.k and t.at >= u.at")
    assert "ASOF" not in found
    assert "MAX(u.at) AS nearest" in found
    assert "LEFT JOIN" in plain("select t.n, u.v from s.t asof left join s.u on t.k = u.k and t.at >= u.at")


def test_lists_are_unnested_side_by_side_and_beside_what_depends_on_them() -> None:
    found = plain("select unnest(l) as item, generate_subscripts(l, 1) as place, k || unnest(l) as h from s.t")
    assert "POSEXPLODE(ARRAYS_ZIP(arrays.array_0))" in found
    assert "items.place + 1 AS place" in found


def test_a_window_gets_what_the_named_one_has() -> None:
    found = plain("select sum(n) over (w rows 1 preceding) as h from s.t window w as (partition by k order by at)")
    assert "partition by t.k order by t.at nulls last rows between 1 preceding and current row" in found.lower()


def test_a_pattern_that_is_replaced_once_must_be_anchored() -> None:
    with pytest.raises(ValueError, match="expected an anchored pattern or the option 'g'"):
        to_spark("select regexp_replace(k, 'a', 'b') as h from s.t", COLUMNS)


def test_a_recursive_query_is_a_table_a_round_until_a_round_is_empty() -> None:
    ran: list[str] = []
    counts = iter([2, 1, 0])
    sql = "with recursive r as (select n from s.t union all select n + 1 from r where n < 9) select sum(n) as h from r"
    with with_parts_computed(
        sql, COLUMNS, ran.append, lambda _: [(next(counts),)], Place("scratch", "parquet")
    ) as query:
        assert query.count("part_") == 3
        assert "RECURSIVE" not in query
    assert [statement.split()[0] for statement in ran] == [
        "create",
        "create",
        "create",
        "create",
        "drop",
        "drop",
        "drop",
    ]


SUMS = "with a as (select t.k, sum(u.v) as v from s.t join s.u on t.k = u.k group by all), "


def made_for(sql: str, kind: str = "bigint") -> tuple[list[str], str]:
    """Return the tables that are made before a query of columns of this type, and the query."""
    ran: list[str] = []
    with with_parts_computed(sql, COLUMNS, ran.append, lambda _: [("v", kind, None)], Place()) as query:
        return [statement for statement in ran if statement.startswith("create table")], query.replace("`", "")


def test_a_part_that_spark_would_read_many_times_is_a_table() -> None:
    often = " union all ".join(["select v from a"] * 6)
    made, query = made_for(SUMS + f"b as ({often}) select sum(v) as h from b")
    assert len(made) == 1
    assert "SUM(`u`.`v`) AS `v`" in made[0]
    assert query.count("scratch.part_") == 1
    assert "s.t" not in query


def test_a_part_that_reads_little_again_stays_in_its_query() -> None:
    often = " union all ".join(["select v from a"] * 5)
    assert made_for(SUMS + f"b as ({often}) select sum(v) as h from b")[0] == []
    assert made_for(SUMS + "b as (select * from a) select sum(v) as h from b")[0] == []


def test_a_part_with_a_column_of_nothing_but_null_is_no_table() -> None:
    often = " union all ".join(["select v from a"] * 6)
    assert made_for(SUMS + f"b as ({often}) select sum(v) as h from b", "void")[0] == []
