"""The commands of the appliance: Docker Compose with a preflight, its credentials, its smoke test, its archive."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.terminal import EXIT_FAILED, AsJson, console, one_line_errors, show_findings
from dashboards.formats import show


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (up, credentials, smoke, bundle, unbundle):
        app.command()(command)


def up() -> None:
    """Run the preflight checks, start the appliance with `docker compose up -d --wait`, and print its addresses."""
    from cli.appliance import up as appliance
    from cli.appliance.compose import Compose

    with one_line_errors():
        compose = Compose()
        findings = appliance.check(compose)
        show_findings(findings)
        if any(finding.status == "fail" for finding in findings):
            raise typer.Exit(EXIT_FAILED)
        for name, address in appliance.up(compose).items():
            console.print(f"{name:<12} {address}", highlight=False)
        console.print("Sign in with what ./analytics credentials shows.")


def credentials(what: Annotated[str, typer.Argument(help="metabase, scheduler, mongo or store")] = "metabase") -> None:
    """Print the appliance's accounts, which were created at its first start."""
    from cli.appliance import up as appliance
    from cli.appliance.compose import Compose

    with one_line_errors():
        for name, value in appliance.credentials(Compose(), what).items():
            console.print(f"{name}: {escape(value)}", highlight=False, soft_wrap=True)


def smoke(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the project running afterwards.")] = False,
    as_json: AsJson = False,
) -> None:
    """Test the appliance in its own Compose project, with a generated sample; removes the project at the end."""
    from cli.appliance.smoke import smoke as try_out

    with one_line_errors():
        found = try_out(lambda text: console.print(escape(text), highlight=False), keep=keep)
        console.print(f"Total: {show(found['seconds'] * 1000, 'duration')}.", highlight=False)
    if as_json:
        console.print_json(data=found, default=str)


def bundle(
    archive: Annotated[Path, typer.Argument(help="The archive to write.")],
    tls: Annotated[bool, typer.Option("--tls", help="Include Caddy, for the profile tls.")] = False,
) -> None:
    """Put every image and file of the appliance into one archive, for a host without a network."""
    from cli.appliance.bundle import bundle as write
    from cli.appliance.compose import Compose

    with one_line_errors():
        names = write(Compose(), archive, tls=tls)
    console.print(f"{archive}: {len(names)} images", highlight=False)


def unbundle(
    archive: Annotated[Path, typer.Argument(help="The archive that `bundle` wrote.")],
    folder: Annotated[Path, typer.Argument(help="The folder for the files.")],
) -> None:
    """Load the images and unpack the files, on a host without a network."""
    from cli.appliance.bundle import unbundle as read

    with one_line_errors():
        names = read(archive, folder)
    start = f"cd {folder} && docker compose up -d --wait"  # ./analytics would want packages first
    console.print(f"{folder}: {len(names)} images loaded; now: {start}", highlight=False, soft_wrap=True)
