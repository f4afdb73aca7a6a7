"""MongoDB to Iceberg (`extract`) and Iceberg to the `raw` schema of DuckDB (`load`)."""

from loader.extract import extract
from loader.load import load

__all__ = ["extract", "load"]
