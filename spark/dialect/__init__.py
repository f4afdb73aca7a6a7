"""Statements of the dbt project, written for DuckDB, as Spark 3.5 runs them."""

from spark.dialect.transpile import Columns, to_spark

__all__ = ["Columns", "to_spark"]
