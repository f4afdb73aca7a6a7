"""The appliance's vault: `python -m vault` serves; `restore`, `list`, `verify`, `session`, `purge` are for people.

    docker compose exec vault vault list
    docker compose run --rm vault restore
    docker compose exec -T vault vault session ID | tar -x -C ~/.claude

The settings and the options `--secrets` and `--env-file` of the service determine what it backs up.
"""

import argparse
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from pydantic import SecretStr

from common import numbers
from common.errors import UsageError
from common.programs import run_program
from common.settings import Settings, SettingsError
from loader.http_server import Server
from loader.http_service import Work
from records import open_store
from vault.backup import backup_place, make_backup
from vault.files import FileSources
from vault.forget_service import Forgetter
from vault.http_service import create_app
from vault.manifest import find_backup, readable_backups
from vault.purge import made_before_forgetting, purge
from vault.reading import verify
from vault.restore import restore
from vault.seal import key_of
from vault.transcripts import Wanted, give_back

PORT = 8323


def serve(settings: Settings, options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    if settings.vault_token is None:
        raise SettingsError("VAULT_TOKEN: the vault service needs it; set it, or VAULT_TOKEN_FILE to its file")
    backup_place(settings)
    scheduler = settings.scheduler_dir or settings.data_dir / "scheduler"
    files, work = FileSources(settings, scheduler, options.env_file, options.secrets), Work()
    token = SecretStr(settings.vault_token.get_secret_value())
    app = create_app(
        lambda full, progress: make_backup(files, full=full, progress=progress).backed_up(),
        token,
        work,
        settings.data_dir,
        Forgetter(settings),
    )
    Server(uvicorn.Config(app, host=options.host, port=options.port, log_config=None, access_log=False), work).run()
    return 0


def bring_back(settings: Settings, wanted: str | None) -> int:
    """Restore a backup into the appliance's empty stores."""
    place = backup_place(settings)
    done = restore(place, find_backup(place, wanted), key_of(place, settings), settings, lambda at: print(f"{at} ..."))
    print(f"Restored and read back: {', '.join(f'{count:,} {kind}' for kind, count in done.counts.items())}")
    if done.left_out:
        print(f"{done.left_out:,} of these lines have been forgotten since on request, and were deleted again")
    print("Metabase's database: " + ("restored" if done.metabase else "not in the backup"))
    for file in done.files:
        print(f"Put this file in place yourself: {file}")
    print(f"It took {done.seconds:.1f} s.")
    return 0


def list_backups(settings: Settings, _: str | None) -> int:
    """Print the backups, the newest first."""
    for backup in readable_backups(backup_place(settings)):
        print(f"{backup.id}  {backup.manifest.count('lines'):,} lines  {numbers.size(backup.manifest.bytes)}")
    return 0


def verify_backup(settings: Settings, wanted: str | None) -> int:
    """Compare every checksum and count of a backup."""
    place = backup_place(settings)
    backup = find_backup(place, wanted)
    results = list(verify(place, backup, key_of(place, settings)))
    problems = [problem for _, problem in results if problem]
    print("\n".join([*problems, f"{backup.id}: {len(results) - len(problems)} of {len(results)} parts agree"]))
    return 1 if problems else 0


def purge_backups(settings: Settings, _: str | None) -> int:
    """Delete the backups that contain data forgotten after they were made; there must be a newer one."""
    place = backup_place(settings)
    with closing(open_store(settings, "claude-analytics-backup")) as store:
        old = {backup.id for backup in made_before_forgetting(place, store, settings)}
        kept = [backup for backup in readable_backups(place) if backup.id not in old]
        if old and not kept:
            raise UsageError(
                "purge: expected a backup newer than the last forget, found none; make one first: analytics backup"
            )
        print(f"{purge(place, store, settings)} backups deleted, {len(kept)} kept")
    return 0


def give_session_back(settings: Settings, wanted: str | None) -> int:
    """Write a session's transcripts to standard output, as a tar file of `projects/`."""
    if not wanted:
        raise UsageError("session: expected a session's id or a unique prefix, found nothing")
    with TemporaryDirectory(dir=settings.data_dir, prefix=".session-") as folder:
        with closing(open_store(settings, "claude-analytics-restore")) as store:
            given = give_back(store, Wanted(session=wanted), Path(folder))
        bad = [back for back in given if back.problem]
        problems = [f"vault: not identical: {back.state.source_file}: {back.problem}" for back in bad]
        problems += [f"vault: {back.state.source_file}: {back.note}" for back in given if back.note]
        with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
            for back in (back for back in given if not back.problem):
                tar.add(back.path, back.path.relative_to(folder))
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if bad else 0


COMMANDS: dict[str, Callable[[Settings, str | None], int]] = {
    "restore": bring_back,
    "list": list_backups,
    "verify": verify_backup,
    "session": give_session_back,
    "purge": purge_backups,
}


def main() -> int:
    """Read arguments and settings; an expected failure takes one line."""
    parser = argparse.ArgumentParser(prog="vault", description="Make, verify and restore the appliance's backups.")
    parser.add_argument("command", nargs="?", choices=["serve", *COMMANDS], default="serve")
    parser.add_argument(
        "backup", nargs="?", help="a prefix of a backup's name (default: the newest), or a session's id"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--secrets", type=Path, help="the folder of the appliance's secrets")
    parser.add_argument("--env-file", type=Path, help="the appliance's settings")
    options = parser.parse_args()
    return run_program("vault", lambda settings: _run(settings, options))


def _run(settings: Settings, options: argparse.Namespace) -> int:
    if options.command == "serve":
        return serve(settings, options)
    return COMMANDS[options.command](settings, options.backup)


if __name__ == "__main__":
    sys.exit(main())
