"""The tokens and dollars that the published figures lose when something is forgotten."""

import duckdb

from common.duckdb_files import open_read_only
from common.loader_results import Selected
from common.paths import DataPaths
from common.settings import Settings

_SUMS = """
select
    coalesce(sum(input_tokens + output_tokens + cache_read_tokens + cache_creation_tokens), 0)::double as tokens,
    coalesce(sum(cost_usd), 0)::double as cost_usd
from marts.fct_api_requests
where if($before is null, session_id in (select unnest($sessions::varchar[])), requested_at < $before)
"""


def figures_of(settings: Settings, selected: Selected) -> dict[str, float]:
    """Return the tokens and dollars that go; nothing where nothing is published, or by another version."""
    published = DataPaths.of(settings).duckdb.published_database
    if not published.exists():
        return {}
    asked = {"sessions": selected.sessions, "before": selected.before}
    try:
        with open_read_only(published) as connection:
            row = connection.execute(_SUMS, asked).fetchone()
    except duckdb.CatalogException:
        return {}
    return {"tokens": row[0], "cost_usd": row[1]} if row else {}
