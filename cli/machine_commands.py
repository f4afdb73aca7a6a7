"""`receive` and `machines` where lines arrive, `enrol` and `send` on the machines that they come from."""

from typing import Annotated

import typer

from cli.terminal import Data, Transcripts, console, one_line_errors, settings_of

Install = Annotated[bool, typer.Option("--install", help="Have the system start the sender now and at each login.")]
machines_app = typer.Typer(help="Machines that may send: invite, list, revoke.", no_args_is_help=True)


def receive(data: Data = None) -> None:
    """Take what other machines send, over TLS, until a signal."""
    from collector.receiver.serve import serve
    from common.logs import configure_logs

    with one_line_errors():
        settings = settings_of(data_dir=data)
        configure_logs(settings)
        serve(settings)


@machines_app.command("invite")
def invite_machine(
    name: Annotated[str, typer.Argument(help="What the machine is called from now on.")],
    person: Annotated[str | None, typer.Option("--person", help="Who works on it.")] = None,
    hours: Annotated[float, typer.Option("--hours", help="How long the token works.")] = 24.0,
    data: Data = None,
) -> None:
    """Print a token that enrols one machine, once: run ./analytics enrol TOKEN there."""
    from collector.receiver.commands import invite

    with one_line_errors():
        token = invite(settings_of(data_dir=data), name, person, hours)
    _say(token)


@machines_app.command("list")
def list_machines(data: Data = None) -> None:
    """Which machines there are, whether they may send, and when they last did."""
    from collector.receiver.commands import list_machines as lines

    with one_line_errors():
        for line in lines(settings_of(data_dir=data)):
            _say(line)


@machines_app.command("revoke")
def revoke_machine(name: Annotated[str, typer.Argument(help="The machine.")], data: Data = None) -> None:
    """Refuse a machine from its next request on. What it sent stays."""
    from collector.receiver.commands import revoke

    with one_line_errors():
        revoke(settings_of(data_dir=data), name)


def enrol(
    token: Annotated[str, typer.Argument(help="What `machines invite` printed; - reads it from standard input.")],
    install: Install = False,
    data: Data = None,
    transcripts: Transcripts = None,
) -> None:
    """Enrol this machine at a receiver, and send what it has."""
    from collector.sender.commands import enrol_here

    with one_line_errors():
        settings = settings_of(data_dir=data, transcripts_dir=transcripts)
        _say(enrol_here(settings, token, install=install))


def send(
    to: Annotated[str | None, typer.Option("--to", help="The receiver's address, if it has moved.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Send what is new, and end.")] = False,
    install: Install = False,
    data: Data = None,
    transcripts: Transcripts = None,
) -> None:
    """Send what is written on this machine to the receiver, until a signal."""
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
