"""What can be wrong with a backup: one line that says what was expected, what was found and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import AnalyticsError, PassingError, UsageError


class VaultError(AnalyticsError):
    """A backup cannot be made, read or brought back."""


class DamagedError(VaultError):
    """A part of a backup is missing or is not what was written."""


class PlaceError(UsageError, VaultError):
    """The place of backups, or the place to restore to, is not one."""


class BusyError(VaultError, PassingError):
    """Another backup is being written to the same place."""

    exit_code = 75


@contextmanager
def one_line(place: object, remedy: str) -> Iterator[None]:
    """Raise what the system refuses as a VaultError that names the place and the remedy; a missing file stays one."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        found = " ".join((error.strerror or str(error)).split())[:300]
        raise VaultError(f"backup: {place}: {found}; {remedy}") from error
