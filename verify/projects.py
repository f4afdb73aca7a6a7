"""The project of each session, as docs/counting.md says."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import lru_cache

from verify.files import Json, folder
from verify.line_facts import Line
from verify.line_values import part, text

_WINDOWS = re.compile(r"[A-Za-z]:([\\/]|$)|\\\\")
_INSIDE = re.compile(r"(.+?)/(?:\.claude/worktrees|\.worktrees|\.git/worktrees)/[^/]", re.DOTALL)
_AT_HOME = re.compile(r"(.+/\.claude-worktrees/[^/]+)/", re.DOTALL)
_BESIDE = re.compile(r"(.*[^/])[-.]worktrees/[^/]", re.DOTALL)

Place = tuple[bool, bool, int, int, bytes]


@dataclass(slots=True)
class Whereabouts:
    """The directories from the lines of all sessions, the best of each session."""

    _directories: dict[str, tuple[Place, str]] = field(default_factory=dict)
    _folders: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _worktrees: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, line: Line, value: Json) -> None:
        """Add one line."""
        here = folder(line.file)
        self._folders[line.session][here] += 1
        if directory := text(value.get("cwd")):
            is_start = _as_folder(directory) == here
            best = ((not is_start, line.is_aside, *line.order), _folded(directory.rstrip("/\\")) or "/")
            self._directories[line.session] = min(best, self._directories.get(line.session, best))
        state = part(value, "worktreeSession") if value.get("type") == "worktree-state" else {}
        worktree, source = text(state.get("worktreePath")), text(state.get("originalCwd"))
        if worktree and source:
            known = self._worktrees.get(line.session, (_folded(worktree), _folded(source)))
            self._worktrees[line.session] = (min(known[0], _folded(worktree)), min(known[1], _folded(source)))

    def project(self, session: str) -> str:
        """Return the project of a session."""
        if session not in self._directories:
            folders = self._folders[session]
            return min(folders, key=lambda name: (-folders[name], name))
        directory = self._directories[session][1]
        worktree, source = self._worktrees.get(session, ("", ""))
        return repository(source if worktree and f"{directory}/".startswith(f"{worktree}/") else directory)


@lru_cache(10_000)
def _as_folder(directory: str) -> str:
    """Return the name that Claude Code gives to the folder of a directory's transcripts."""
    return re.sub("[^A-Za-z0-9-]", "-", directory)


def _folded(path: str) -> str:
    return (path[:1].lower() + path[1:]).replace("\\", "/") if _WINDOWS.match(path) else path


def repository(directory: str) -> str:
    """Return the repository that a directory belongs to: itself, but for a worktree."""
    for pattern in (_INSIDE, _AT_HOME, _BESIDE):
        if found := pattern.match(directory):
            return found[1]
    return directory
