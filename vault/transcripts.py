"""Restores transcripts: the files of a session or a project, as Claude Code wrote them, where `--resume` finds them.

A file is written only if its digest proves that every byte is unchanged, if only secrets are masked, or if incomplete
files were requested, too. An existing file is never changed: an equal one is skipped, a different one is an error.
"""

import filecmp
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from common.errors import AnalyticsError
from common.private_files import make_folder, sync, unfinished
from common.transcript_files import PROMPT_HISTORY, label_of
from records import RecordStore
from records.file_state import FILE, FileState
from vault.transcript_bytes import write_transcript

_AGENT = "agent-"


class GivenBackError(AnalyticsError):
    """A transcript cannot be restored."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which transcripts: of one session (its id or the beginning of it), of one project, or all; of one host or any."""

    session: str | None = None
    project: str | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class GivenBack:
    """One transcript that was given back, or why it was not."""

    path: Path
    state: FileState
    problem: str | None = None
    note: str | None = None
    """What is masked in it."""
    is_new: bool = True

    @property
    def size(self) -> int:
        """Bytes of the file; of what was compressed, of its content."""
        return self.path.stat().st_size if self.path.exists() else 0


def give_back(store: RecordStore, wanted: Wanted, target: Path, *, incomplete: bool = False) -> list[GivenBack]:
    """Write the transcripts that are wanted below `target`, in `projects/` as Claude Code's home has them.

    Raises GivenBackError where the record store knows none of them, or where another file is in the way.
    """
    with store.snapshot():
        states = [state for state in store.all_states() if _is_file(state, wanted.host)]
        chosen = _chosen(states, wanted)
        owned = _owned(store, chosen)
        if wanted.session is not None:
            chosen = [state for state in chosen if _belongs(store, state, owned[state.id], wanted.session)]
        return [
            _give_back(store, state, owned[state.id], target, _path(target, name), incomplete)
            for name, state in _longest(chosen).items()
        ]


def _is_file(state: FileState, host: str | None) -> bool:
    return state.kind == FILE and state.read_bytes > 0 and host in {None, state.host}


def _chosen(states: list[FileState], wanted: Wanted) -> list[FileState]:
    if wanted.session is not None:
        return _of_session(states, wanted.session)
    if wanted.project is None:
        return states
    found = [state for state in states if state.project_id == wanted.project]
    if not found:
        known = ", ".join(sorted({state.project_id for state in states})[:10])
        raise GivenBackError(f"project: expected the id of a collected project ({known}), found {wanted.project!r}")
    return found


def _of_session(states: list[FileState], session: str) -> list[FileState]:
    """Return the session's own file, those in its folder, and what may be a sub-agent's beside it."""
    stems = {stem for state in states if (stem := _stem(state)).startswith(session)}
    if len(stems) != 1 and session not in stems:
        found = f"{len(stems)} sessions start with it" if stems else "no collected transcript has that name"
        raise GivenBackError(f"session: expected an id or a unique prefix, found {session!r}: {found}")
    stem = session if session in stems else stems.pop()
    projects = {state.project_id for state in states if _stem(state) == stem}
    return [
        state
        for state in states
        if stem in {_stem(state), *_folders(state)} or (_is_loose_agent(state) and state.project_id in projects)
    ]


def _stem(state: FileState) -> str:
    name = PurePosixPath(state.source_file).name.removesuffix(".gz")
    return name.removesuffix(".jsonl") if name.endswith(".jsonl") else ""


def _folders(state: FileState) -> tuple[str, ...]:
    return PurePosixPath(state.source_file).parts[:-1]


def _is_loose_agent(state: FileState) -> bool:
    """Whether it is a sub-agent's file directly in its project, where earlier versions of Claude Code put them."""
    return PurePosixPath(state.source_file).name.startswith(_AGENT) and len(_folders(state)) == 1


def _owned(store: RecordStore, states: Iterable[FileState]) -> dict[str, dict[int, str]]:
    """Return the lines that were stored from each file, by its id: offset -> id of the line."""
    owned: dict[str, dict[int, str]] = {state.id: {} for state in states}
    names: dict[str, set[str]] = {}
    for state in states:
        names.setdefault(state.host, set()).add(state.source_file)
    for host, files in names.items():
        for line in store.lines_of(host, files):
            owned[f"{host}:{line.source_file}"][line.byte_offset] = line.line_id
    return owned


def _belongs(store: RecordStore, state: FileState, own: dict[int, str], session: str) -> bool:
    """Whether a file is the session's; of a sub-agent's beside it, its first line tells."""
    if not _is_loose_agent(state):
        return True
    first = own[min(own)] if own else ""
    return any((line.session_id or "").startswith(session) for line in store.read_lines([first]))


def _longest(states: Iterable[FileState]) -> dict[str, FileState]:
    """Return the name and the state of each file; of those that several hosts have, the one of which most was read.

    What was compressed is given back unpacked, without `.gz`, unless there is a file of that name as well.
    """
    by_name: dict[str, FileState] = {}
    for state in states:
        name = state.source_file.removeprefix(label_of(state.source_file))
        if name not in by_name or by_name[name].read_bytes < state.read_bytes:
            by_name[name] = state
    return {_unpacked(name, by_name): state for name, state in by_name.items()}


def _unpacked(name: str, names: Collection[str]) -> str:
    shorter = name.removesuffix(".gz")
    return shorter if shorter == name or shorter not in names else f"{name}.jsonl"


def _path(target: Path, name: str) -> Path:
    if name == PROMPT_HISTORY:
        return target / PurePosixPath(name).name
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise GivenBackError(f"{name!r}: expected a name below projects/, found one that leads out of it")
    return target / "projects" / name


def _give_back(
    store: RecordStore, state: FileState, own: dict[int, str], target: Path, path: Path, incomplete: bool
) -> GivenBack:
    make_folder(path.parent)
    if not path.parent.resolve().is_relative_to(target.resolve()):
        raise GivenBackError(f"{path.parent}: expected a folder in {target}, found a link out of it; remove the link")
    with unfinished(path.parent) as file:
        outcome = write_transcript(store, state, own, file)
        problem = outcome.describe(state) if outcome.problem else None
        if problem and not incomplete:
            return GivenBack(path, state, problem, is_new=False)
        sync(file)
        note = None if problem or outcome.is_exact else outcome.describe(state)
        return GivenBack(path, state, problem, note, is_new=_place(Path(file.name), path, state))


def _place(written: Path, path: Path, state: FileState) -> bool:
    """Put a file where it belongs, with the time that it had; tell whether it was not there already."""
    if path.exists() or path.is_symlink():
        if path.is_file() and filecmp.cmp(written, path, shallow=False):
            return False
        raise GivenBackError(
            f"{path}: expected no file or an identical one, found a different file; pass an empty folder to --to"
        )
    os.utime(written, ns=(state.mtime_ns, state.mtime_ns))
    written.rename(path)
    return True
