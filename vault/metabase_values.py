"""What Metabase keeps of our tables' values in its own database: results of queries, and lists for its filters.

Its API clears results in the paid edition alone, so both tables are emptied in PostgreSQL; Metabase fills them again.
"""

import subprocess

from pydantic import SecretStr

from vault.errors import VaultError
from vault.files import environment

_TABLES = ("query_cache", "metabase_fieldvalues")


def delete_kept_values(uri: SecretStr) -> None:
    """Empty both tables where they exist. Raises VaultError where PostgreSQL does not answer or refuses."""
    emptied = "".join(f"if to_regclass('{name}') is not null then truncate {name}; end if; " for name in _TABLES)
    command = ["psql", "--no-psqlrc", "--quiet", "--command", f"do $$ begin {emptied}end $$"]
    try:
        answer = subprocess.run(command, env=environment(uri), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise VaultError("Metabase's database: expected psql on PATH, found none; install postgresql-client") from None
    if answer.returncode:
        raise VaultError(f"Metabase's database: {' '.join(answer.stderr.split())[:300]}; check that it runs")
