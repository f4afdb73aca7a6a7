"""Starts a quick command: its exit code, and an expected failure in one line, as for every other command."""

import importlib
import os
import sys

from cli.quick import COMMANDS
from common.errors import AnalyticsError


def run(name: str, arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    module = importlib.import_module(COMMANDS[name].module)
    try:
        code: int = module.main(name, arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough: nothing is written to the closed pipe at the end, either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except AnalyticsError as error:
        return fail(str(error), error.exit_code)
    except OSError as error:
        return fail(str(error), 1)
    except KeyboardInterrupt:
        return 130
    return code


def fail(message: str, code: int) -> int:
    """Say why in one line and return the exit code."""
    label = "\033[31merror:\033[0m" if sys.stderr.isatty() and "NO_COLOR" not in os.environ else "error:"
    print(f"{label} {' '.join(message.split())}", file=sys.stderr)
    return code
