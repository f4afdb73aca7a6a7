"""The sender as a program: `python -m collector.sender enrol TOKEN`, then `send`, or `send --once`.

The settings configure it. Exit codes: 0 done, 1 failed, 2 wrong usage or revoked.
"""

import argparse
import os
import sys

from collector.sender.commands import enrol_here, install_here, send_from_here
from common.programs import run_program
from common.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Run the command that these arguments name; an expected failure takes one line."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)  # its files quote transcripts
    return run_program("sender", lambda settings: _run(settings, options))


def _run(settings: Settings, options: argparse.Namespace) -> None:
    if options.command == "enrol":
        print(enrol_here(settings, options.token, install=options.install))
    elif options.install:
        print(install_here(settings))
    elif report := send_from_here(settings, options.to, once=options.once):
        print(report)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="claude-analytics-sender", description="Send transcripts to a receiver.")
    commands = parser.add_subparsers(dest="command", required=True)
    enrolling = commands.add_parser("enrol", help="enrol this machine and send its transcripts")
    enrolling.add_argument("token", help="the token that `machines invite` printed; - reads it from standard input")
    enrolling.add_argument("--install", action="store_true", help="start the sender now and at every login")
    sending = commands.add_parser("send", help="send new lines until a signal")
    sending.add_argument("--to", help="the receiver's address, if it has moved")
    sending.add_argument("--once", action="store_true", help="send new lines, then exit")
    sending.add_argument("--install", action="store_true", help="start the sender now and at every login")
    return parser


if __name__ == "__main__":
    sys.exit(main())
