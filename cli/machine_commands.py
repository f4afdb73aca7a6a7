"""`receive` and `machines` where lines arrive, `enrol` and `send` on the machines that they come from."""

from typing import Annotated

import typer

from cli.terminal import Data, Transcripts, console, one_line_errors, settings_of

Install = Annotated[
    bool, typer.Option("--install", help="Start the sender now and at every login, by the system's service manager.")
]
machines_app = typer.Typer(help="Invite, list and revoke the machines that send transcripts.", no_args_is_help=True)


def receive(data: Data = None) -> None:
    """Receive the lines that other machines send, over TLS, until a signal."""
    from collector.receiver.serve import serve
    from common.logs import configure_logs

    with one_line_errors():
        settings = settings_of(data_dir=data)
        configure_logs(settings)
        serve(settings)


@machines_app.command("invite")
def invite_machine(
    name: Annotated[str, typer.Argument(help="The name for the machine.")],
    person: Annotated[str | None, typer.Option("--person", help="The person who works on it.")] = None,
    hours: Annotated[float, typer.Option("--hours", help="How long the token is valid, in hours.")] = 24.0,
    data: Data = None,
) -> None:
    """Print a token that enrols one machine once: run ./analytics enrol TOKEN on it."""
    from collector.receiver.commands import invite

    with one_line_errors():
        token = invite(settings_of(data_dir=data), name, person, hours)
    _say(token)


@machines_app.command("list")
def list_machines(data: Data = None) -> None:
    """List the machines, whether they may send, and when they last did."""
    from collector.receiver.commands import list_machines as lines

    with one_line_errors():
        for line in lines(settings_of(data_dir=data)):
            _say(line)


@machines_app.command("revoke")
def revoke_machine(name: Annotated[str, typer.Argument(help="The machine.")], data: Data = None) -> None:
    """Reject a machine's requests from now on. The lines that it sent are kept."""
    from collector.receiver.commands import revoke

    with one_line_errors():
        revoke(settings_of(data_dir=data), name)


def enrol(
    token: Annotated[
        str, typer.Argument(help="The token that `machines invite` printed; - reads it from standard input.")
    ],
    install: Install = False,
    data: Data = None,
    transcripts: Transcripts = None,
) -> None:
    """Enrol this machine with a receiver, and send its transcripts."""
    from collector.sender.commands import enrol_here

    with one_line_errors():
        settings = settings_of(data_dir=data, transcripts_dir=transcripts)
        _say(enrol_here(settings, token, install=install))


def send(
    to: Annotated[str | None, typer.Option("--to", help="The receiver's address, if it has moved.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Send new lines, then exit.")] = False,
    install: Install = False,
    data: Data = None,
    transcripts: Transcripts = None,
) -> None:
    """Send this machine's new transcript lines to the receiver, until a signal."""
    from collector.sender.commands import install_here, send_from_here
    from common.logs import configure_logs

    with one_line_errors():
        settings = settings_of(data_dir=data, transcripts_dir=transcripts)
        if not once:
            configure_logs(settings)
        report = install_here(settings) if install else send_from_here(settings, to, once=once)
    if report:
        _say(report)


def _say(text: str) -> None:
    """Print what a person may copy, as it is."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (receive, enrol, send):
        app.command()(command)
    app.add_typer(machines_app, name="machines")
