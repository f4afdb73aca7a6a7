"""The errors that are expected, in two families, so that nobody lists classes by hand.

AnalyticsError          a person can correct it; its message is one line that says how
UsageError          the command or a setting is wrong: nothing was done
PassingError            mixed in where the same call may succeed later: the pipeline tries again
"""


class AnalyticsError(Exception):
    """What a person can mend: one line that says what was expected, what was found and what to do."""

    exit_code = 1


class UsageError(AnalyticsError):
    """The command, an option or a setting is wrong, and nothing was done."""

    exit_code = 2


class PassingError(AnalyticsError):
    """What may pass by itself: a server that is away or busy."""
