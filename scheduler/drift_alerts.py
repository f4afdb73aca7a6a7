"""Sends each new drift alarm once, by the channels of alerts.

An alarm is not an incident: it does not end, and needs no repair. The history stores which ones were sent, so that
neither a restart nor a rebuilt database sends them again. Only alarms of the latest weeks are sent: those of an
old history are not news.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import structlog

from common.duckdb_files import open_read_only
from common.paths import DuckDBVolume
from scheduler.alerts import Alerts
from scheduler.publish import Generation

log = structlog.get_logger()

_STATE = "drift_told"
_NEWS = timedelta(days=14)
_ALARMS = """
select metric || ' ' || model || ' ' || direction, evidence from marts.fct_drift_alarms
where detected_date_key >= ? order by date_key, metric, model
"""


def tell_drift(volume: DuckDBVolume, alerts: Alerts, generation: Generation | None) -> None:
    """Send one message with the alarms of this generation that were not sent yet.

    A message that cannot be sent is retried by the next run.
    """
    state: dict[str, Any] = alerts.history.get_state(_STATE) or {"generation": None, "told": []}
    if generation is None or state["generation"] == generation.number:
        return
    alarms = _newest_alarms(volume, generation)
    new = [evidence for key, evidence in alarms.items() if key not in state["told"]]
    for evidence in new:
        log.warning("drift.alarm", evidence=evidence)
    if new and not alerts.tell("Claude Code's behaviour has changed", "\n".join(new)):
        return
    alerts.history.set_state(_STATE, {"generation": generation.number, "told": sorted(alarms)})


def _newest_alarms(volume: DuckDBVolume, generation: Generation) -> dict[str, str]:
    """Return the sentences of the newest alarms by metric, model and direction: late lines may move the day by one."""
    since = datetime.now(UTC) - _NEWS
    with open_read_only(volume.database_of(generation.number)) as connection:
        try:
            return dict(connection.execute(_ALARMS, [int(since.strftime("%Y%m%d"))]).fetchall())
        except duckdb.CatalogException:  # another project's, or of a version without alarms
            return {}
