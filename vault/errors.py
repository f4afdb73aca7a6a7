"""The vault's errors: one line that says what was expected, what was found and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import AnalyticsError, PassingError, UsageError


class VaultError(AnalyticsError):
    """A backup cannot be made, read or restored."""


class DamagedError(VaultError):
    """A part of a backup is missing or damaged."""


class PlaceError(UsageError, VaultError):
    """The place of backups, or the place to restore to, is not valid."""


class BusyError(VaultError, PassingError):
    """Another backup is being written to the same place."""

    exit_code = 75


class ForgetError(UsageError, VaultError):
    """The object to forget is unknown."""


@contextmanager
def one_line(place: object, remedy: str) -> Iterator[None]:
    """Raise system errors as a VaultError with the place and the remedy; a FileNotFoundError is not changed."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        found = " ".join((error.strerror or str(error)).split())[:300]
        raise VaultError(f"backup: {place}: {found}; {remedy}") from error
