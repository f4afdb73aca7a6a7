"""The record store to Iceberg (`extract`), back where it has lost lines (`refill`), and Iceberg to DuckDB (`load`)."""

from loader.extract import extract, refill
from loader.load import load

__all__ = ["extract", "load", "refill"]
