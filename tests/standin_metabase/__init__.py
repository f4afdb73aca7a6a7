"""A server that answers like Metabase, for tests: it keeps state, checks every request, reads the real DuckDB file."""
