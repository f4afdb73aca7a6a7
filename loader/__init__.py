"""Copies the record store to Iceberg (`extract`), lost lines back (`refill`), and Iceberg to DuckDB (`load`)."""

from loader.extract import extract, refill
from loader.load import load

__all__ = ["extract", "load", "refill"]
