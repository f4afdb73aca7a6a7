"""The appliance's receiver: `python -m collector.receiver` serves; `invite`, `list` and `revoke` are for people.

    docker compose exec receiver receiver invite laptop-anna --person Anna

The settings configure it; it exits on SIGTERM. Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

import argparse
import sys

from collector.receiver.commands import invite, list_machines, revoke
from collector.receiver.serve import serve
from common.programs import run_program
from common.settings import Settings


def main(arguments: list[str]) -> int:
    """Run the command that these arguments name; an expected failure takes one line."""
    options = _parser().parse_args(arguments)
    return run_program("receiver", lambda settings: _run(settings, options))


def _run(settings: Settings, options: argparse.Namespace) -> None:
    match options.command:
        case "invite":
            print(invite(settings, options.name, options.person, options.hours))
        case "list":
            print("\n".join(list_machines(settings)))
        case "revoke":
            revoke(settings, options.name)
        case _:
            serve(settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="receiver", description="Receive the lines that other machines send.")
    commands = parser.add_subparsers(dest="command")
    inviting = commands.add_parser("invite", help="print a token that enrols one machine once")
    inviting.add_argument("name")
    inviting.add_argument("--person", help="the person who works on it")
    inviting.add_argument("--hours", type=float, default=24.0, help="how long the token is valid, in hours")
    commands.add_parser("list", help="list the machines")
    commands.add_parser("revoke", help="reject a machine's requests from now on").add_argument("name")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
