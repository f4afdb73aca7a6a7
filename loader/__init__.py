"""Copies the record store to Iceberg (`extract`), back if it has lost lines (`refill`), and Iceberg to DuckDB (`load`)."""

from loader.extract import extract, refill
from loader.load import load

__all__ = ["extract", "load", "refill"]
