"""`forget`: removes a session, a project, a person's machine or all before a day from everywhere, and proves it."""

import os
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from cli.terminal import EXIT_USAGE, AsJson, Data, console, fail, one_line_errors, settings_of
from common import numbers

if TYPE_CHECKING:
    from common.loader_results import Selected
    from common.settings import Settings
    from standalone.forgetting import Requests

_MOST_COPIES = 5
_COUNTED = ("sessions", "lines", "rejected_lines")


@dataclass(frozen=True)
class _Asked:
    """How the command was called."""

    reason: str | None
    dry_run: bool
    yes: bool
    backups: bool


def forget(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    session: Annotated[str | None, typer.Option("--session", help="A session's id, or a unique prefix of it.")] = None,
    project: Annotated[str | None, typer.Option("--project", help="A project's id, or its path.")] = None,
    person: Annotated[str | None, typer.Option("--person", help="A person, or their machine's HOST_NAME.")] = None,
    before: Annotated[str | None, typer.Option("--before", help="Everything written before this day.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="The reason, which is stored in the log.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted, then exit.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    backups: Annotated[
        bool, typer.Option("--backups", help="Make a new backup, then delete older ones that may contain it.")
    ] = False,
    show_log: Annotated[bool, typer.Option("--list", help="Show the log of requests.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Delete a session, a project, a person or a period from every store, file and report, and prove it."""
    named = {"session": session, "project": project, "host": person, "before": before}
    given = {kind: value for kind, value in named.items() if value}
    if len(given) != (0 if show_log else 1):
        fail("expected one of --session, --project, --person, --before and --list", EXIT_USAGE)
    with one_line_errors():
        settings = settings_of(data_dir=data)
        if show_log:
            _show_log(settings, as_json=as_json)
            return
        ((kind, value),) = given.items()
        done = _forget(settings, kind, value, _Asked(reason, dry_run, yes, backups))
    raise typer.Exit(0 if done else 1)


def _forget(settings: "Settings", kind: str, value: str, asked: _Asked) -> bool:
    """Show what would be deleted, ask, record the request and run the pipeline, which carries it out."""
    from common.paths import DataPaths
    from scheduler.lock import PipelineLock

    requests = _requests(settings)
    with PipelineLock(DataPaths.of(settings).duckdb.lock).hold("forget"):
        selected = requests.select(kind, value)
        counts = _counts(settings, selected)
        _show(selected, counts)
        if selected.is_empty or asked.dry_run or not _agreed(asked):
            return asked.dry_run or selected.is_empty
        requests.begin(selected, _person(), asked.reason, counts)
    return _carry_out(settings, asked)


def _requests(settings: "Settings") -> "Requests":
    """Return what records requests: the appliance's vault, or this process."""
    if settings.vault_url:
        from cli.appliance.forgetting import VaultRequests

        return VaultRequests.of(settings)
    from standalone.forgetting import LocalRequests

    return LocalRequests(settings)


def _person() -> str:
    """Return the requester: the account that the command runs under."""
    return os.environ.get("SUDO_USER") or os.environ.get("USER") or f"user {os.geteuid()}"


def _agreed(asked: _Asked) -> bool:
    if asked.yes:
        return True
    if not sys.stdin.isatty():
        fail("forget: stdin is not a terminal; pass --yes to confirm", EXIT_USAGE)
    return typer.confirm("Forget this for good?", default=False)


def _carry_out(settings: "Settings", asked: _Asked) -> bool:
    """Run the pipeline without its collector: new lines can wait, and the transcripts may be gone."""
    from cli.run import run_once
    from standalone.backups import purge_backups

    result = run_once(settings.model_copy(update={"collector": "off"}), console=console)
    if not result.ok:
        console.print(f"The request is recorded; the next run finishes it. {escape(result.message)}", soft_wrap=True)
        return False
    proof = next((step.message for step in result.steps if step.name == "prove"), "another run has finished it")
    console.print(f"Forgotten: {escape(proof)}", highlight=False, soft_wrap=True)
    if settings.vault_url:
        text = "Earlier backups may still contain it; to delete them, run docker compose exec vault vault purge"
        console.print(f"[yellow]Backups:[/] {text}", highlight=False, soft_wrap=True)
        return True
    if settings.backup_to and asked.backups:
        console.print(purge_backups(settings), highlight=False, soft_wrap=True)
    _tell_of_the_rest(settings)
    return True


def _tell_of_the_rest(settings: "Settings") -> None:
    """Say which backups still hold what was forgotten, and that transcripts are Claude Code's."""
    from standalone.backups import backups_before_forgetting

    if settings.backup_to:
        old = backups_before_forgetting(settings)
        if old:
            names = ", ".join(backup.id for backup in old[:5])
            count = numbers.counted(len(old), "backup")
            text = f"{count} may still contain it ({names}): ./analytics backup purge makes a new backup, then deletes "
            text += "these"
            console.print(f"[yellow]Backups:[/] {text}", highlight=False, soft_wrap=True)
    text = "Claude Code's own transcript files are not deleted, and are not collected again."
    console.print(text, highlight=False, soft_wrap=True)


def _counts(settings: "Settings", selected: "Selected") -> dict[str, float]:
    """Return what would be deleted, as numbers only, which the log stores."""
    from cli.forget_figures import figures_of

    counts: dict[str, float] = {
        "sessions": len(selected.sessions),
        "lines": selected.lines,
        "rejected_lines": selected.rejected_lines,
        "days": selected.days,
    }
    return counts | figures_of(settings, selected)


def _show(selected: "Selected", counts: dict[str, float]) -> None:
    days = f"{selected.first_day} to {selected.last_day}" if selected.first_day else "without a date"
    shown = ", ".join(numbers.counted(counts[name], name[:-1].replace("_", " ")) for name in _COUNTED)
    text = f"{selected.kind} {selected.value}: {shown}, {days}"
    console.print(escape(text), highlight=False, soft_wrap=True)
    if "tokens" in counts:
        cost = f"{numbers.usd(counts['cost_usd'])} of {numbers.compact(counts['tokens'])} tokens"
        console.print(
            f"Removed from the figures: {cost}; closed months keep their sums.", highlight=False, soft_wrap=True
        )
    if selected.copies:
        some = ", ".join(sorted(selected.copies)[:_MOST_COPIES])
        lines = numbers.counted(sum(selected.copies.values()), "line")
        text = f"{lines} of {numbers.counted(len(selected.copies), 'other session')} hold copies: {some}"
        console.print(f"[yellow]Copies are kept:[/] {escape(text)}", highlight=False, soft_wrap=True)


def _show_log(settings: "Settings", *, as_json: bool) -> None:
    entries = _requests(settings).log().entries
    if as_json:
        console.print_json(data=entries)
        return
    columns = [Column(name, justify="right") for name in ("sessions", "lines")]
    table = Table("asked", "by", "kind", "hash", *columns, "reason", "done", show_edge=False)
    for entry in entries:
        counts = [f"{entry['counts'].get(name, 0):,.0f}" for name in ("sessions", "lines")]
        named = map(escape, (entry["askedBy"], entry["kind"], entry["subject"][:12]))
        done = _when(entry["finishedAt"]) if entry["finishedAt"] else "not yet"
        table.add_row(_when(entry["askedAt"]), *named, *counts, escape(entry["reason"] or ""), done)
    console.print(table, highlight=False)


def _when(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(forget)
