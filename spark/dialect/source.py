"""DuckDB's dialect as it is read here: functions whose meaning sqlglot loses are kept under DuckDB's names."""

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot.dialects.duckdb import DuckDB
from sqlglot.parsers.duckdb import DuckDBParser

_KEPT = (
    "any_value array_agg array_to_string date_trunc dayname epoch epoch_ms epoch_us flatten format generate_series "
    "isodow json_keys json_type json_valid len list list_concat list_contains list_distinct list_has_any list_sort "
    "list_sum monthname quantile_cont range regexp_extract regexp_extract_all regexp_matches regexp_replace row "
    "string_split to_timestamp timezone"
)


class Source(DuckDB):
    """DuckDB, with the functions that `functions.py` translates by name."""

    class Parser(DuckDBParser):
        """DuckDB's parser without sqlglot's reading of those functions."""

        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {
            name: build for name, build in DuckDBParser.FUNCTIONS.items() if name.lower() not in _KEPT.split()
        }
