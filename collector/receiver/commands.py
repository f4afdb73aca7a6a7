"""The commands for machines: invite, list, revoke."""

from collections.abc import Iterator
from datetime import UTC, datetime

from collector.invitation import Invitation, checked_url
from collector.receiver.certificate import pinned_fingerprint
from collector.receiver.machines import Machine, Machines
from common.settings import Settings, SettingsError

_MOST_HOURS = 24.0 * 30


def machines_of(settings: Settings) -> Machines:
    """Return the machines of this receiver."""
    return Machines(settings.data_dir / "receiver" / "machines.db")


def invite(settings: Settings, name: str, person: str | None = None, hours: float = 24.0) -> str:
    """Return a token that enrols one machine, once, within these hours."""
    if not settings.receiver_url:
        raise SettingsError("RECEIVER_URL: expected the address at which machines reach the receiver, found nothing")
    if name == settings.host_name:
        raise SettingsError(f"machine: expected a name other than this host's own, found {name!r}")
    if not 0 < hours <= _MOST_HOURS:
        raise SettingsError(f"--hours: expected more than 0 and at most {_MOST_HOURS:.0f}, found {hours}")
    url, certificate = checked_url(settings.receiver_url), pinned_fingerprint(settings)
    secret = machines_of(settings).invite(name, person, hours)
    return Invitation(url=url, certificate=certificate, secret=secret).token()


def list_machines(settings: Settings) -> Iterator[str]:
    """Yield a line for each machine."""
    known = machines_of(settings).all()
    if not known:
        yield "no machine has been invited yet"
    for machine in known:
        yield _line(machine)


def revoke(settings: Settings, name: str) -> None:
    """Revoke a machine from its next request on; its lines are kept."""
    machines_of(settings).revoke(name)


def _line(machine: Machine) -> str:
    seen = datetime.fromtimestamp(machine.seen_at, UTC).isoformat(" ", "minutes") if machine.seen_at else "never"
    return f"{machine.name:<24} {machine.status:<18} seen {seen:<26} {machine.person or 'person not recorded'}"
