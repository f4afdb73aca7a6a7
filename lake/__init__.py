"""What two rooms share: settings, the Iceberg catalog and table, the paths of the DuckDB volume. No more."""

VERSION = "0.1.0"
"""The product's version; pyproject.toml and the images carry the same."""
