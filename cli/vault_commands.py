"""`backup`, `backup list`, `backup verify` and `restore`: copies of the history, and its transcripts given back."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from cli.terminal import EXIT_USAGE, AsJson, Data, console, errors, fail, one_line_errors, settings_of
from common import numbers

if TYPE_CHECKING:
    from common.loader_results import BackedUp
    from common.settings import Settings
    from scheduler.loader_calls import Progress
    from vault.backup import BackupResult
    from vault.manifest import Backup
    from vault.places import Place
    from vault.restore import Restored
    from vault.seal import Key

To = Annotated[str | None, typer.Option("--to", help="A folder or s3://BUCKET/PREFIX (BACKUP_TO).", show_default=False)]
backup_app = typer.Typer(help="Back up the data that cannot be rebuilt, while everything runs.", no_args_is_help=False)


@backup_app.callback(invoke_without_command=True)
def backup(
    context: typer.Context,
    to: To = None,
    data: Data = None,
    full: Annotated[bool, typer.Option("--full", help="Write every part again, which replaces damaged ones.")] = False,
    as_json: AsJson = False,
) -> None:
    """Back up the data that cannot be rebuilt, while everything runs. Parts already backed up are not written again."""
    if context.invoked_subcommand:
        context.obj = (to, data)
        return
    with one_line_errors():
        settings = settings_of(data_dir=data)
        if settings.vault_url:
            _ask_vault(settings, full=full)
            return
        result = _make_backup(settings, to, full=full)
    if as_json:
        manifest = result.backup.manifest.model_dump(mode="json", exclude_none=True)
        console.print_json(data={"id": result.backup.id, "deleted": result.deleted, **manifest})
    else:
        console.print(result.describe(), highlight=False, soft_wrap=True)


def _ask_vault(settings: "Settings", *, full: bool) -> None:
    """Have the appliance's vault make a backup; `docker compose exec vault vault list` shows them."""
    from scheduler.backup_run import record_backup
    from scheduler.loader_client import HttpVault
    from scheduler.runner import open_history

    vault = HttpVault.of(settings)
    assert vault is not None
    result = record_backup(open_history(settings), lambda progress: vault.backup(progress, full=full), "command")
    if not result.ok:
        fail(result.message)
    console.print(result.message, highlight=False, soft_wrap=True)


def _make_backup(settings: "Settings", to: str | None, *, full: bool) -> "BackupResult":
    """Make a backup; the history of runs has it as one."""
    from scheduler.backup_run import record_backup
    from scheduler.runner import open_history
    from standalone.backups import backup_place, make_backup

    backup_place(settings, to)  # what is no place is wrong usage and no failed backup
    made: list[BackupResult] = []

    def make(progress: "Progress") -> "BackedUp":
        made.append(make_backup(settings, to, full=full, progress=progress))
        return made[0].backed_up()

    result = record_backup(open_history(settings), make, "command")
    if not made:
        fail(result.message)
    return made[0]


@backup_app.command("list")
def list_backups(context: typer.Context, to: To = None, as_json: AsJson = False) -> None:
    """List the backups, newest first."""
    from standalone.backups import backup_place
    from vault.manifest import readable_backups

    with one_line_errors():
        place = backup_place(settings_of(data_dir=_data(context)), to or _to(context))
        found = list(readable_backups(place))
        if as_json:
            console.print_json(data=[_facts(backup) for backup in found])
            return
        columns = [Column("lines", justify="right"), Column("size", justify="right"), Column("new", justify="right")]
        table = Table("backup", *columns, "of", show_edge=False)
        for backup in found:
            manifest = backup.manifest
            sizes = numbers.size(manifest.bytes), numbers.size(manifest.new_bytes)
            table.add_row(backup.id, f"{manifest.count('lines'):,}", *sizes, manifest.source)
        console.print(table, highlight=False)


def _facts(backup: "Backup") -> dict[str, object]:
    manifest = backup.manifest
    counts = {kind: manifest.count(kind) for kind in ("lines", "rejected_lines", "file_states", "file_layouts")}
    facts = {"id": backup.id, "created_at": manifest.created_at.isoformat(), "source": manifest.source}
    return {**facts, "bytes": manifest.bytes, "new_bytes": manifest.new_bytes, "seconds": manifest.seconds, **counts}


@backup_app.command("verify")
def verify_backup(
    context: typer.Context,
    backup: Annotated[str | None, typer.Argument(help="A prefix of its name (default: the newest).")] = None,
    to: To = None,
    every: Annotated[bool, typer.Option("--all", help="Verify every backup.")] = False,
) -> None:
    """Read a whole backup and compare every checksum and count; without its key, only the checksums."""
    from standalone.backups import backup_place
    from vault.manifest import backup_names, find_backup, read_backup
    from vault.seal import key_of

    with one_line_errors():
        settings = settings_of(data_dir=_data(context))
        place = backup_place(settings, to or _to(context))
        key = key_of(place, settings)
        wanted = [read_backup(place, name) for name in backup_names(place)] if every else [find_backup(place, backup)]
        damaged = sum(_verify(place, one, key) for one in wanted)
    raise typer.Exit(1 if damaged else 0)


@backup_app.command("purge")
def purge_backups(
    context: typer.Context,
    to: To = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Make a backup, then delete earlier ones that may contain data forgotten since."""
    from standalone.backups import backups_before_forgetting
    from standalone.backups import purge_backups as purge

    with one_line_errors():
        settings, where = settings_of(data_dir=_data(context)), to or _to(context)
        old = backups_before_forgetting(settings, where)
        for backup in old:
            console.print(f"to be deleted: {backup.id}", highlight=False)
        if old and not yes and not (sys.stdin.isatty() and typer.confirm("Delete these for good?", default=False)):
            fail("backup purge: not confirmed, nothing was deleted; pass --yes to confirm", EXIT_USAGE)
        console.print(purge(settings, where), highlight=False, soft_wrap=True)


def _verify(place: "Place", backup: "Backup", key: "Key") -> int:
    from vault.reading import verify

    encrypted = any(part.recipient for part in backup.manifest.parts)
    opened = key if key.identity or not encrypted else None
    results = list(verify(place, backup, opened))
    problems = [problem for _, problem in results if problem]
    for problem in problems:
        errors.print(f"[red]damaged:[/] {problem}", highlight=False, soft_wrap=True)
    size = numbers.size(sum(part.bytes for part, _ in results))
    how = "checksums, counts and contents" if opened else "checksums (contents not checked without the key)"
    state = (
        f"{len(problems)} of {len(results)} parts are damaged" if problems else f"{how} of {len(results)} parts agree"
    )
    console.print(f"{backup.id}: {state}, {size}", highlight=False, soft_wrap=True)
    return len(problems)


def _to(context: typer.Context) -> str | None:
    return context.obj[0] if context.obj else None


def _data(context: typer.Context) -> Path | None:
    return context.obj[1] if context.obj else None


def restore(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    source: Annotated[str | None, typer.Argument(help="The folder or s3://BUCKET/PREFIX of backups.")] = None,
    data: Data = None,
    backup: Annotated[str | None, typer.Option("--backup", help="A prefix of its name (default: the newest).")] = None,
    session: Annotated[str | None, typer.Option("--session", help="Write this session's transcript.")] = None,
    project: Annotated[str | None, typer.Option("--project", help="Write this project's transcripts.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Write all transcripts.")] = False,
    to: Annotated[Path | None, typer.Option("--to", help="The folder to write transcripts to.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="The machine that the transcript comes from.")] = None,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Also write transcripts that are not identical byte for byte.")
    ] = False,
) -> None:
    """Restore a backup into an empty folder, or write transcripts byte for byte (--session ID --to DIR)."""
    gives_back = bool(session or project or every)
    if gives_back == bool(source) or gives_back != bool(to) or sum(map(bool, (session, project, every))) > 1:
        fail("expected the location of backups, or --to DIR with one of --session, --project and --all", EXIT_USAGE)
    with one_line_errors():
        settings = settings_of(data_dir=data)
        if source:
            _bring_back(settings, source, backup, data)
            return
        assert to is not None
        given = _give_back(settings, session, project, host, to, incomplete=incomplete)
    raise typer.Exit(0 if given else 1)


def _bring_back(settings: "Settings", source: str, backup: str | None, data: Path | None) -> None:
    from standalone.backups import bring_back

    restored = bring_back(settings, source, backup, lambda at: console.print(f"{at} ...", highlight=False))
    _show_restored(restored, data)


def _show_restored(restored: "Restored", data: Path | None) -> None:
    counts = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in restored.counts.items())
    console.print(f"Restored and read back: {counts}", highlight=False, soft_wrap=True)
    if restored.left_out:
        text = f"{restored.left_out:,} of these lines have been forgotten since on request, and were deleted again"
        console.print(text, highlight=False, soft_wrap=True)
    for file in restored.files:
        console.print(f"Put this file in place yourself: {file}", highlight=False, soft_wrap=True)
    option = f" --data {data}" if data else ""
    console.print(
        f"It took {restored.seconds:.1f} s. Next, rebuild and publish every table: ./analytics run{option}",
        highlight=False,
        soft_wrap=True,
    )


def _give_back(
    settings: "Settings", session: str | None, project: str | None, host: str | None, to: Path, *, incomplete: bool
) -> bool:
    from contextlib import closing

    from records import open_store
    from vault.transcripts import Wanted, give_back

    with closing(open_store(settings, "claude-analytics-restore")) as store:
        wanted = Wanted(session=session, project=project, host=host)
        given = give_back(store, wanted, to.expanduser().absolute(), incomplete=incomplete)
    for back in given:
        if back.problem:
            errors.print(f"[red]not identical:[/] {back.path}: {back.problem}", highlight=False, soft_wrap=True)
        else:
            state = "" if back.is_new else ", already there"
            masked = f"; {back.note}" if back.note else ""
            console.print(f"{back.path} ({numbers.size(back.size)}{state}){masked}", highlight=False, soft_wrap=True)
    return not any(back.problem for back in given)


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(backup_app, name="backup")
    app.command()(restore)
