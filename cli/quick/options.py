"""The options of quick commands, and their validation. Wrong usage takes one line, as everywhere."""

import argparse
import re
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import NoReturn

from common.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def __init__(self, command: str, about: str) -> None:
        super().__init__(prog=f"./analytics {command}", description=about, allow_abbrev=False)
        self.add_argument("--data", type=Path, metavar="DIR", help="the data directory (DATA_DIR)")

    def error(self, message: str) -> NoReturn:
        """Raise UsageError in place of printing the usage."""
        raise UsageError(f"{message}; {self.prog} --help lists the options")


def day(text: str) -> date:
    """Read a day, as YYYY-MM-DD or YYYYMMDD."""
    if re.fullmatch("[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        with suppress(ValueError):
            return date.fromisoformat(text)
    raise argparse.ArgumentTypeError(f"expected a day as YYYY-MM-DD or YYYYMMDD, found {text!r}")


def at_least_one(text: str) -> int:
    """Read an integer of at least 1."""
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected an integer of at least 1, found {text!r}")


def add_filters(parser: argparse.ArgumentParser, *, model: bool = True) -> None:
    """Add the options that filter the history."""
    parser.add_argument("-s", "--since", type=day, metavar="DAY", help="first day, YYYY-MM-DD or YYYYMMDD")
    parser.add_argument("-u", "--until", type=day, metavar="DAY", help="last day, inclusive")
    parser.add_argument(
        "-p", "--project", metavar="NAME", help="only this project, or those whose name or path contains it"
    )
    if model:
        parser.add_argument(
            "-m", "--model", metavar="NAME", help="only this model, or those whose name contains it: opus"
        )


def add_output(parser: argparse.ArgumentParser, *, breakdown: bool = True) -> None:
    """Add the options for the output format."""
    parser.add_argument("-j", "--json", action="store_true", dest="as_json", help="print JSON, with ccusage's keys")
    parser.add_argument("--csv", action="store_true", dest="as_csv", help="print CSV")
    parser.add_argument(
        "-o",
        "--order",
        choices=("asc", "desc"),
        default="asc",
        help="oldest first (asc, default) or newest first (desc)",
    )
    if breakdown:
        parser.add_argument("-b", "--breakdown", action="store_true", help="a line per model below each row")
    parser.add_argument("-z", "--timezone", metavar="ZONE", help=argparse.SUPPRESS)
    parser.add_argument("-O", "--offline", action="store_true", help=argparse.SUPPRESS)  # it always is


def check(options: argparse.Namespace) -> None:
    """Raise UsageError for options that contradict each other, or that are a setting here."""
    if options.since and options.until and options.since > options.until:
        raise UsageError(f"--since {options.since} is after --until {options.until}; swap them")
    if options.as_json and options.as_csv:
        raise UsageError("--json and --csv exclude each other; leave one out")
    if options.timezone:
        wanted = options.timezone
        raise UsageError(
            f"--timezone: days are fixed by the database's build; set TIMEZONE={wanted} in .env, then ./analytics run"
        )
