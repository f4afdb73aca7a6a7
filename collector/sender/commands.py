"""The commands on a machine that sends: enrol it, send, install the sender."""

import sys

from collector.invitation import checked_url
from collector.sender import units
from collector.sender.client import AwayError
from collector.sender.machine import Machine, enrol, enrolled, folder_of
from collector.sender.run import send, send_once, stopping_on_signals
from common.errors import AnalyticsError
from common.settings import Settings


class NotSentError(AnalyticsError):
    """The receiver was not reached: the lines read wait in the spool."""


def enrol_here(settings: Settings, token: str, *, install: bool = False) -> str:
    """Enrol this machine, send its transcripts, and return a message."""
    word = sys.stdin.readline() if token == "-" else token  # noqa: S105 - a name of standard input
    machine = enrol(settings, word)
    enrolled_as = f"enrolled as {machine.name} at {machine.url}"
    if not install:
        return "\n".join([enrolled_as, _sent(settings, machine), "from now on: send, or send --install"])
    try:
        sent = _sent(settings, machine)
    except NotSentError as error:  # the installed sender continues
        sent = str(error)
    return "\n".join([enrolled_as, sent, install_here(settings)])


def send_from_here(settings: Settings, to: str | None = None, *, once: bool = False) -> str | None:
    """Send new lines once and return a message, or send until a signal."""
    machine, url = enrolled(settings), checked_url(to) if to else None
    if once:
        return _sent(settings, machine, url)
    with stopping_on_signals() as stop:
        send(settings, machine, stop, url)
    return None


def install_here(settings: Settings) -> str:
    """Install the sender, started now and at each login; return a message with the unit's path."""
    enrolled(settings)
    unit = units.unit_of(settings)
    units.install(unit)
    return f"the sender is installed and running: {unit.path}"


def _sent(settings: Settings, machine: Machine, url: str | None = None) -> str:
    try:
        sent = send_once(settings, machine, url)
    except AwayError as error:
        raise NotSentError(f"{error}; unsent lines are kept in {folder_of(settings)} and sent next time") from None
    return f"sent {sent.lines:,} new lines in {sent.deliveries:,} deliveries"
