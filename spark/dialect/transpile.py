"""From one statement to the other: parse, resolve every name, rewrite, and write it in Spark's dialect."""

from collections.abc import Mapping

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from spark.dialect.before import prepare
from spark.dialect.functions import translate
from spark.dialect.shapes import reshape
from spark.dialect.source import Source

Columns = Mapping[str, Mapping[str, Mapping[str, str | exp.DataType]]]
"""Of each table that a statement reads its columns and their types, by schema and name."""


def to_spark(sql: str, columns: Columns) -> str:
    """Return a query of DuckDB as Spark runs it, with the same rows."""
    return written(resolved(sqlglot.parse_one(sql, dialect=Source), columns))


def resolved(tree: exp.Expr, columns: Columns) -> exp.Expr:
    """Return the query with every name resolved, every star spelled out and every type known that can be."""
    schema = MappingSchema({name: dict(tables) for name, tables in columns.items()}, dialect="duckdb")
    tree = qualify(prepare(tree), dialect=Source, schema=schema, quote_identifiers=True, validate_qualify_columns=False)
    return annotate_types(tree, schema=schema, dialect="duckdb")


def written(tree: exp.Expr) -> str:
    """Return a resolved query in Spark's words."""
    return translate(reshape(tree)).sql(dialect="spark", comments=False)
