"""The commands of the scheduler: the service and its status page, the history of runs, the schedule."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from cli.terminal import (
    EXIT_FAILED,
    EXIT_LOCK_HELD,
    AsJson,
    Data,
    Transcripts,
    console,
    fail,
    one_line_errors,
    settings_of,
)
from common.settings import Settings

_STYLES = {"succeeded": "green", "unchanged": "green", "failed": "red", "interrupted": "yellow", "running": "cyan"}


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (serve, runs, logs, pause, resume):
        app.command()(command)
    app.command("test-alert")(alert_test)


def serve(
    transcripts: Transcripts = None,
    data: Data = None,
    port: Annotated[int | None, typer.Option("--port", help="Port of the status page (SCHEDULER_PORT).")] = None,
) -> None:
    """Run the pipeline on schedule, and serve the status page on this machine."""
    from cli.run import serve_forever
    from standalone.inputs import check_data_dir, check_transcripts

    with one_line_errors():
        settings = settings_of(transcripts_dir=transcripts, data_dir=data, scheduler_port=port)
        check_data_dir(settings)
        check_transcripts(settings)
        serve_forever(settings, console)


def runs(
    data: Data = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest runs, including failed and skipped ones."""
    from scheduler.runner import open_history

    with one_line_errors():
        found = open_history(settings_of(data_dir=data)).runs(limit)
    if as_json:
        console.print_json(data=[run.model_dump(mode="json") for run in found])
        return
    names = ("run", "started", "kind", "by", "status")
    table = Table(*names, Column("what happened", overflow="fold"), show_edge=False)
    for run in found:
        style = _STYLES.get(run.status, "yellow")
        when = run.started_at.astimezone().strftime("%Y-%m-%d %H:%M")
        message = escape(" ".join((run.message or "").split())[:120])
        table.add_row(str(run.id), when, run.kind, run.trigger, f"[{style}]{run.status}[/]", message)
    console.print(table, highlight=False)


def logs(run: Annotated[int, typer.Argument(help="A run's number; `runs` lists them.")], data: Data = None) -> None:
    """Show a run's steps with their durations, its failed tests, and its log."""
    from cli.show import show_failed_tests, show_steps
    from scheduler.runner import open_history

    with one_line_errors():
        history = open_history(settings_of(data_dir=data))
        if history.run(run) is None:
            fail(f"there is no run {run}; ./analytics runs lists them")
        show_steps(console, history.steps(run))
        show_failed_tests(console, [test for test in history.dbt_results(run) if test.node.failed])
        for line in history.log_lines(run, limit=-1):
            when = line.at.astimezone().strftime("%H:%M:%S")
            console.print(f"{when} {line.step:10} {line.message}", markup=False, highlight=False, soft_wrap=True)


def pause(data: Data = None) -> None:
    """Pause the schedule until `resume`; manual runs still work."""
    _set_paused(data, paused=True)


def resume(data: Data = None) -> None:
    """Resume the schedule."""
    _set_paused(data, paused=False)


def _set_paused(data: Path | None, *, paused: bool) -> None:
    from scheduler.runner import open_history
    from scheduler.service import set_paused

    with one_line_errors():
        set_paused(open_history(settings_of(data_dir=data)), paused=paused)
    console.print("The schedule is paused." if paused else "The schedule is active again.")


def alert_test(data: Data = None) -> None:
    """Send a test message by every configured channel."""
    from scheduler.alerts import Alerts
    from scheduler.runner import open_history

    with one_line_errors():
        settings = settings_of(data_dir=data)
        sent = Alerts(open_history(settings), settings).test()
        if not sent:
            fail("expected ALERT_WEBHOOK_URL, or ALERT_EMAIL_TO and SMTP_HOST; found neither")
    for way, error in sent.items():
        console.print(f"{way}: {escape(error) if error else 'sent'}", highlight=False)
    raise typer.Exit(1 if any(sent.values()) else 0)


def _token(settings: Settings) -> str:
    from scheduler.runner import state_dir

    if settings.scheduler_token:
        return settings.scheduler_token.get_secret_value()
    file = state_dir(settings) / "token"
    return file.read_text().strip() if file.exists() else ""


def _address(settings: Settings) -> str:
    """Where the service of this data directory said that it is, unless a setting names another place."""
    from scheduler.runner import address_path

    file = address_path(settings)
    if not {"scheduler_host", "scheduler_port"} & settings.model_fields_set and file.exists():
        return file.read_text(encoding="utf-8").strip()
    return f"http://{settings.scheduler_host}:{settings.scheduler_port}"


def ask_service(settings: Settings, *, full_refresh: bool) -> None:
    """Start a run in the service at work; its status page shows it."""
    import requests  # it takes a while, and no other command here needs it

    base = _address(settings)
    headers = {"Authorization": f"Bearer {_token(settings)}"}
    try:
        answer = requests.post(f"{base}/api/runs", json={"full_refresh": full_refresh}, headers=headers, timeout=30)
    except requests.ConnectionError:
        fail(f"no service answers at {base}; start it with ./analytics serve, or leave out --now to run here")
    body: dict[str, Any] = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    if not answer.ok:
        code = EXIT_LOCK_HELD if answer.status_code == 409 else EXIT_FAILED
        fail(f"the service at {base} refused: {body.get('error', answer.reason)}", code)
    console.print(f"Run {body.get('id')} started: {base}/runs/{body.get('id')}", highlight=False)
