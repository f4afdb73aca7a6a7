"""Starts a run when a machine has sent lines for the first time, without waiting for the schedule."""

from collections.abc import Callable

import structlog

from common.loader_results import CollectorState
from scheduler.history import History

log = structlog.get_logger()

_KNOWN = "known_machines"


class NewMachines:
    """Stores in the history of runs which machines' lines are in the figures."""

    def __init__(self, states: Callable[[], list[CollectorState]], history: History) -> None:
        """`states` returns the collectors' states."""
        self._states, self._history = states, history

    def look(self, run: Callable[[], str | None]) -> None:
        """Call `run` if there is a new machine; retry at the next call if that started nothing.

        Machines at the first call are not new: they are in the figures, or will be after the first run.
        """
        sent = {state.host for state in self._states() if state.last_line_at is not None}
        known = self._history.get_state(_KNOWN)
        new = sorted(sent.difference(known or ()))
        if known is not None and not new:
            return
        if known is not None:
            log.info("new_machines", hosts=new)
            if run() is None:
                return
        self._history.set_state(_KNOWN, sorted(sent.union(known or ())))
