"""Starts the program of a service (its `__main__`), and prints an expected failure in one line."""

import sys
from collections.abc import Callable

from common.errors import AnalyticsError
from common.logs import configure_logs
from common.settings import Settings, load_settings


def run_program(name: str, work: Callable[[Settings], int | None]) -> int:
    """Load the settings, configure logs, do the work and return the exit code; an expected failure takes one line."""
    try:
        settings = load_settings()
        configure_logs(settings)
        return work(settings) or 0
    except AnalyticsError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"{name}: {_said(error)}", file=sys.stderr)
        return 1


def _said(error: OSError) -> str:
    """Return the system's error in one line, the file first."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename is not None else reason
