"""What the tests of forgetting share: a history of two sessions, requests carried out without dbt, a search."""

import json
import shutil
from contextlib import closing
from pathlib import Path

import collector
import loader
from collector import CollectResult
from common.catalog import CONVERSATIONS, DEAD_LETTERS, FORGOTTEN, TRANSCRIPT_FILES, open_catalog, open_table
from common.settings import Settings
from records import open_store
from records.sweep import sweep
from tests.integration.collecting import write
from tests.integration.vault.backing import contents
from vault.forget import begin, finish
from vault.proof import search_tables
from vault.selection import Selection, Wanted, select

GONE, KEPT = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
SECRET, PUBLIC = "a quite particular sentence about apples", "another quite particular sentence on pears"


def line(session: str, number: int, text: str, day: int = 1, **more: object) -> bytes:
    fields: dict[str, object] = {"type": "user", "uuid": f"{session[:8]}-{number:027d}", "sessionId": session}
    fields |= {
        "timestamp": f"2026-03-{day:02d}T12:00:00.000Z",
        "message": {"role": "user", "content": f"{text} {number}"},
    }
    return json.dumps(fields | more).encode() + b"\n"


def write_history(folder: Path) -> Path:
    """Write two sessions in two projects, and the prompts of both; return the transcripts directory."""
    projects = folder / "projects"
    gone = b"".join(line(GONE, number, SECRET, number) for number in range(1, 9))
    write(projects / "-home-me-secret" / f"{GONE}.jsonl", gone + b"{broken " + SECRET.encode() + b"\n\n")
    write(
        projects / "-home-me-secret" / GONE / "subagents" / "agent-0a1b2c3d.jsonl",
        line(GONE, 99, SECRET, isSidechain=True),
    )
    write(projects / "-home-me-shop" / f"{KEPT}.jsonl", b"".join(line(KEPT, n, PUBLIC, n) for n in range(1, 9)))
    prompts = [{"display": SECRET, "project": "/home/me/secret", "timestamp": 1772366400000, "sessionId": GONE}]
    prompts += [{"display": PUBLIC, "project": "/home/me/shop", "timestamp": 1772366400000}]
    write(folder / "history.jsonl", b"".join(json.dumps(prompt).encode() + b"\n" for prompt in prompts))
    return projects


def collect(settings: Settings) -> CollectResult:
    with closing(open_store(settings)) as store:
        return collector.collect(store, settings.transcripts_dir, settings.host_name)


def extract(settings: Settings) -> None:
    with closing(open_store(settings)) as store:
        loader.extract(store, open_catalog(settings))


def iceberg_becomes(settings: Settings, older: Path) -> None:
    """An older copy of Iceberg takes the place of the newer one; a run follows, which finds nothing to bring back."""
    shutil.rmtree(settings.data_dir / "iceberg")
    shutil.copytree(older, settings.data_dir / "iceberg")
    with closing(open_store(settings)) as store:
        assert loader.refill(store, open_catalog(settings)) == 0
    extract(settings)


def ask(settings: Settings, kind: str, value: str) -> Selection:
    """Write a request down, as the command does before anything is deleted."""
    with closing(open_store(settings)) as store:
        selection = select(store, Wanted(kind, value))
        begin(store, selection, settings.data_dir, "me", "a reason")
        return selection


def carry_out(settings: Settings) -> None:
    """Delete from both copies, and close the request."""
    with closing(open_store(settings)) as store:
        sweep(store)
        loader.extract(store, open_catalog(settings))
        finish(store, settings.data_dir, "searched")


def left(settings: Settings, text: str = SECRET) -> list[str]:
    """Where a text, or the session's id, is in both copies: by what they answer, and by the bytes of every file."""
    found = [name for name, part in contents(settings).items() if text in str(part) or GONE in str(part)]
    catalog = open_catalog(settings)
    for name in (CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES, FORGOTTEN):
        rows = str(open_table(catalog, name).scan().to_arrow().to_pylist())
        found += [name] if text in rows or GONE in rows else []
    found += list(search_tables(catalog, [text, GONE]))
    files = (path for path in settings.data_dir.rglob("*") if path.is_file())
    return found + [str(path) for path in files if {text.encode(), GONE.encode()} & _held(path, text)]


def _held(path: Path, text: str) -> set[bytes]:
    content = path.read_bytes()
    return {sample for sample in (text.encode(), GONE.encode()) if sample in content}
