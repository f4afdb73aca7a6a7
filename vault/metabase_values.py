"""What Metabase keeps of our tables' values in its own database: results of queries, and lists for its filters.

Its API clears results only in the paid edition, so both tables are emptied in PostgreSQL; Metabase refills them.
"""

from pydantic import SecretStr

from vault.files import psql

_TABLES = ("query_cache", "metabase_fieldvalues")


def delete_kept_values(uri: SecretStr) -> None:
    """Empty both tables where they exist. Raises VaultError where PostgreSQL does not answer or refuses."""
    emptied = "".join(f"if to_regclass('{name}') is not null then truncate {name}; end if; " for name in _TABLES)
    psql(uri, f"do $$ begin {emptied}end $$")
