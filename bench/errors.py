"""What can go wrong with a measurement: one line that says what to do."""

from common.errors import AnalyticsError


class BenchError(AnalyticsError):
    """Something that is measured failed, or cannot be measured here."""


def tail(text: str) -> str:
    """Return the end of what a program printed, as one line."""
    return " ".join(text.split())[-600:] or "it printed nothing"
