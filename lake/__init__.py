"""What two rooms share: settings, the Iceberg catalog and table, the paths of the DuckDB volume. No more."""
