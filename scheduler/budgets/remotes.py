"""The remotes of repositories, which no transcript names: read from .git/config where a directory is on this machine.

What was read once is kept in a file, since folders move and go. Nothing is read unless a rule asks for a remote.
"""

import configparser
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

_SCP = re.compile(r"^(?:[^@/]+@)?([^:/]+):(?!//)(.+)$")
_URL = re.compile(r"^[a-z+]+://(?:[^@/]*@)?([^/]+)/(.+)$", re.IGNORECASE)
_MOST_BYTES = 64 * 1024


def known_remotes(file: Path) -> dict[str, str]:
    """Return the last remote that was read for each directory, the oldest directory first."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        try:
            said = json.loads(line)
            path, remote = said["path"], said["remote"]
        except (ValueError, KeyError, TypeError):  # a line that a crash cut short
            continue
        if isinstance(path, str) and isinstance(remote, str):
            found.pop(path, None)
            found[path] = remote
    return found


def learn_remotes(file: Path, directories: Iterable[str]) -> dict[str, str]:
    """Look at the directories that exist, keep what is new, and return all that is known."""
    known = known_remotes(file)
    read = {path: remote for path in directories if (remote := read_remote(Path(path)))}
    news = {path: remote for path, remote in read.items() if known.get(path) != remote}
    if news:
        at = datetime.now(UTC).isoformat()
        lines = (json.dumps({"at": at, "path": path, "remote": remote}) + "\n" for path, remote in news.items())
        with file.open("a", encoding="utf-8") as stream:
            stream.write("".join(lines))
    return {path: remote for path, remote in known.items() if path not in news} | news


def read_remote(directory: Path) -> str | None:
    """Return the remote of the repository that a directory is in, without account and password; None for none."""
    if not directory.is_absolute():
        return None
    try:
        for folder in (directory, *directory.parents):
            if (git := folder / ".git").exists():
                return _remote_of(_common_dir(git) / "config")
    except OSError:  # closed to us, or gone while we looked
        return None
    return None


def _common_dir(git: Path) -> Path:
    """Return the repository's own folder; of a worktree and a submodule, `.git` is a file that leads there."""
    if git.is_dir():
        return git
    leads_to = git.read_text(encoding="utf-8", errors="replace")[:_MOST_BYTES].removeprefix("gitdir:").strip()
    folder = git.parent / leads_to
    common = folder / "commondir"
    return folder / common.read_text(encoding="utf-8").strip() if common.exists() else folder


def _remote_of(config: Path) -> str | None:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(re.sub(r"(?m)^\s+", "", config.read_text(encoding="utf-8", errors="replace")))
    except (OSError, configparser.Error):
        return None
    urls = {name: parser.get(name, "url", fallback=None) for name in parser.sections() if name.startswith("remote ")}
    url = urls.get('remote "origin"') or next((url for url in urls.values() if url), None)
    return normalised(url) if url else None


def normalised(url: str) -> str:
    """Return a remote in one spelling, `github.com/acme/web`, without account, password and `.git`."""
    found = _URL.match(url) or _SCP.match(url)
    text = f"{found[1].lower()}/{found[2].lstrip('/')}" if found else url
    return text.rstrip("/").removesuffix(".git")
