"""What can be wrong with a backup: one line that says what was expected, what was found and what to do."""

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


class ForgetError(UsageError, VaultError):
    """What is to be forgotten is not known."""
