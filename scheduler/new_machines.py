"""Starts a run when a machine has sent for the first time, so that nobody waits for the schedule."""

from collections.abc import Callable

import structlog

from common.loader_results import CollectorState
from scheduler.history import History

log = structlog.get_logger()

_KNOWN = "known_machines"


class NewMachines:
    """Knows the machines whose lines are in the figures; remembers them in the history of runs."""

    def __init__(self, states: Callable[[], list[CollectorState]], history: History) -> None:
        """`states` tells how the collectors stand."""
        self._states, self._history = states, history

    def look(self, run: Callable[[], str | None]) -> None:
        """Call `run` if there is a machine that was not there before; again at the next look if that started nothing.

        What is there at the first look is known: it is in the figures, or in those that the first run makes.
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
