"""Recognises errors that a retry may fix: a server is down or busy. A failed test or a full disk is not transient."""

from collections.abc import Iterator

from common.errors import PassingError
from scheduler.work_database import is_lock_conflict

_BY_NAME = frozenset(
    {
        # by name, because the appliance's scheduler has neither pymongo nor pyiceberg installed
        ("pymongo", "ConnectionFailure"),
        ("requests", "ConnectionError"),
        ("requests", "Timeout"),
        ("pyiceberg", "CommitFailedException"),
        ("pyiceberg", "ServiceUnavailableError"),
        ("pyiceberg", "ServerError"),
    }
)


def is_transient(error: Exception) -> bool:
    """Return whether the same step may succeed a little later."""
    if isinstance(error, PassingError | ConnectionError | TimeoutError) or is_lock_conflict(error):
        return True
    return any(name in _BY_NAME for name in _names(error))


def _names(error: Exception) -> Iterator[tuple[str, str]]:
    return ((kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__)
