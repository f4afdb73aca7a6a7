"""The extract's progress, which each commit to an Iceberg table stores in its snapshot's summary.

Its keys start with `claude-analytics.`; a commit of another kind (compaction) copies them on.
"""

from pyiceberg.table import Table

PREFIX = "claude-analytics."


def progress_properties(table: Table) -> dict[str, str]:
    """Return the progress from the newest commit that has any; empty if none has."""
    snapshot = table.current_snapshot()
    while snapshot is not None:
        summary = snapshot.summary.additional_properties if snapshot.summary else {}
        found = {key: value for key, value in summary.items() if key.startswith(PREFIX)}
        if found:
            return found
        parent = snapshot.parent_snapshot_id
        snapshot = table.snapshot_by_id(parent) if parent is not None else None
    return {}
