"""The collectors' states: their heartbeats about the transcripts directories, with counts of files read."""

from collections.abc import Iterable

from common.loader_results import CollectorState
from records.file_state import DIRECTORY, FILE, OFF, OK, UNREADABLE, FileState

ROOT_NAME = "."


def collector_states(states: Iterable[FileState]) -> list[CollectorState]:
    """Summarise the states of files by host and transcripts directory, the most recently seen first."""
    roots: dict[tuple[str, str], FileState] = {}
    below: dict[tuple[str, str], list[FileState]] = {}
    for state in states:
        if state.kind == DIRECTORY and state.source_file == ROOT_NAME:
            roots[state.host, state.root] = state
        else:
            below.setdefault((state.host, state.root), []).append(state)
    found = [_sum_up(root, below.get(at, [])) for at, root in roots.items()]
    return sorted(found, key=lambda state: state.seen_at.timestamp() if state.seen_at else 0, reverse=True)


def _sum_up(root: FileState, below: list[FileState]) -> CollectorState:
    read = [file.collected_at for file in below if file.kind == FILE and file.lines and file.collected_at]
    return CollectorState(
        host=root.host,
        transcripts=root.root,
        seen_at=root.collected_at,
        problem=_problem(root, below),
        is_off=root.status == OFF,
        files=len(read),
        last_line_at=max(read, default=None),
    )


def _problem(root: FileState, below: list[FileState]) -> str | None:
    if root.status == OFF:
        return None
    return _unreadable(below) if root.status == OK else root.error or root.status


def _unreadable(below: list[FileState]) -> str | None:
    """Return how many files and folders cannot be read, and why the first cannot; their names are private."""
    closed = [state for state in below if state.status == UNREADABLE]
    if not closed:
        return None
    folders = sum(state.kind == DIRECTORY for state in closed)
    return f"{folders} folders and {len(closed) - folders} files in it cannot be read ({closed[0].error})"
