"""The expected errors, in two families, so that callers need not list their subclasses.

AnalyticsError          the user can correct it; its message is one line that says how
UsageError          the command or a setting is wrong: nothing was done
PassingError            mixed in if the same call may succeed later: the pipeline retries
"""


class AnalyticsError(Exception):
    """An error that the user can correct: one line that says what was expected, what was found and what to do."""

    exit_code = 1


class UsageError(AnalyticsError):
    """The command, an option or a setting is wrong, and nothing was done."""

    exit_code = 2


class PassingError(AnalyticsError):
    """A transient error: a server is unreachable or busy."""
