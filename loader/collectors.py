"""How the collectors stand: what they wrote about their transcripts directories, with a count of what they read."""

from collections.abc import Iterable

from common.loader_results import CollectorState
from records.file_state import DIRECTORY, FILE, OK, FileState

ROOT_NAME = "."


def collector_states(states: Iterable[FileState]) -> list[CollectorState]:
    """Sum up the states of files, by host and transcripts directory; the one seen last comes first."""
    roots: dict[tuple[str, str], FileState] = {}
    files: dict[tuple[str, str], list[FileState]] = {}
    for state in states:
        if state.kind == DIRECTORY and state.source_file == ROOT_NAME:
            roots[state.host, state.root] = state
        elif state.kind == FILE:
            files.setdefault((state.host, state.root), []).append(state)
    found = [_sum_up(root, files.get(at, [])) for at, root in roots.items()]
    return sorted(found, key=lambda state: state.seen_at.timestamp() if state.seen_at else 0, reverse=True)


def _sum_up(root: FileState, files: list[FileState]) -> CollectorState:
    read = [file.collected_at for file in files if file.lines and file.collected_at]
    return CollectorState(
        host=root.host,
        transcripts=root.root,
        seen_at=root.collected_at,
        problem=None if root.status == OK else root.error or root.status,
        files=len(read),
        last_line_at=max(read, default=None),
    )
