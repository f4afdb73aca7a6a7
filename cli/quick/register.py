"""Lists the quick commands among all commands; `cli.__main__` starts them without coming here."""

from collections.abc import Callable

import typer

from cli.quick import COMMANDS

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add these commands to the command line. Their options are their own parser's."""
    for name, command in COMMANDS.items():
        app.command(name, help=command.help, context_settings=_PASS_ON)(_starting(name))


def _starting(name: str) -> Callable[[typer.Context], None]:
    def start(context: typer.Context) -> None:
        from cli.quick.start import run

        raise typer.Exit(run(name, context.args))

    return start
