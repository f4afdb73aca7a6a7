"""PROJECTS_EXCLUDED: projects whose transcripts are not read."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from common.transcript_files import project_of

_NO_LETTER = re.compile("[^A-Za-z0-9]")
_NO_LETTER_OR_WILDCARD = re.compile(r"[^A-Za-z0-9*?\[\]!]")


def is_excluded(source_file: str, patterns: Sequence[str]) -> bool:
    """Return whether a transcript's project matches one of these patterns."""
    return _matches(project_of(source_file), patterns) if patterns else False


def is_excluded_path(path: object, patterns: Sequence[str]) -> bool:
    """Return whether a project's path, as in Claude Code's history, matches one of these patterns."""
    return isinstance(path, str) and bool(patterns) and _matches(_NO_LETTER.sub("-", path), patterns)


def _matches(project: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(project, _as_project(pattern)) for pattern in patterns)


def _as_project(pattern: str) -> str:
    """Return a path as Claude Code names its project, `-home-me-web-*` for `/home/me/web-*`; wildcards stay."""
    return _NO_LETTER_OR_WILDCARD.sub("-", pattern) if "/" in pattern else pattern
