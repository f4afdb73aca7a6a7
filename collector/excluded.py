"""PROJECTS_EXCLUDED: which projects are not read."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from records.file_state import project_of


def is_excluded(source_file: str, patterns: Sequence[str]) -> bool:
    """Tell whether a transcript's project matches one of these patterns."""
    project = project_of(source_file)
    return any(fnmatchcase(project, pattern) or fnmatchcase(project, as_project(pattern)) for pattern in patterns)


def as_project(pattern: str) -> str:
    """Return a path as Claude Code names its project: `/home/me/web-*` is `-home-me-web-*`; wildcards stay."""
    return re.sub(r"[^A-Za-z0-9*?\[\]!]", "-", pattern) if pattern.startswith(("/", "~")) else pattern
