"""The expected errors, in two families, so that callers need not list their subclasses.

AnalyticsError          the user can correct it; its message is one line that says how
UsageError          the command or a setting is wrong: nothing was done
PassingError            mixed in where the same call may succeed later: the pipeline retries
"""


class AnalyticsError(Exception):
    """An error that the user can correct: one line that says what was expected, what was found and what to do."""

    exit_code = 1


class UsageError(AnalyticsError):
    """The command, an option or a setting is wrong, and nothing was done."""

    exit_code = 2


class PassingError(AnalyticsError):
    """An error that may pass by itself: a server that is unreachable or busy."""
