"""Deletes from a record store everything that its marks refuse. It can be killed and run again at any point."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from common import numbers
from common.chunks import chunks
from common.transcript_files import project_of
from records.file_state import DIRECTORY, FILE, FileState
from records.forgotten import Origin, keys_of
from records.layouts import read_layout
from records.refusing import origin_of
from records.store import EARLIEST, Place, RecordStore, RejectedLine, StoredLine

_AT_ONCE = 2_000
_FileName = tuple[str | None, str | None]


@dataclass(frozen=True)
class Swept:
    """The result of a sweep."""

    lines: int = 0
    rejected_lines: int = 0
    files: int = 0

    def __str__(self) -> str:
        """Return the counts in words."""
        counts = {"line": self.lines, "rejected line": self.rejected_lines, "file": self.files}
        return ", ".join(numbers.counted(count, noun) for noun, count in counts.items())


def sweep(store: RecordStore) -> Swept:
    """Delete refused lines, and the states of files without other lines; then have the database erase their bytes."""
    requests = store.forget_requests()
    if not keys_of(requests):  # none, or only texts that expired
        if requests:
            store.erase()
        return Swept()
    lines = _refused(store, all_lines(store))
    rejected = _refused(store, all_rejected(store))
    with store.transaction():
        counts = store.delete_lines(list(lines)), store.delete_rejected(list(rejected))
        files = _let_go_of_files(store, Counter(lines.values()), Counter(rejected.values()))
    store.erase()
    return Swept(*counts, files)


def all_lines(store: RecordStore) -> Iterator[StoredLine]:
    """Yield every line, those without a moment as well."""
    yield from store.read_after(EARLIEST)
    for line_ids in chunks(store.undated_ids(), _AT_ONCE):
        yield from store.read_lines(line_ids)


def all_rejected(store: RecordStore) -> Iterator[RejectedLine]:
    """Yield every rejected line."""
    for line_ids in chunks(store.rejected_ids(), _AT_ONCE):
        yield from store.read_rejected(line_ids)


def _refused(store: RecordStore, lines: Iterable[StoredLine | RejectedLine]) -> dict[str, _FileName]:
    """Return the refused lines by their ids, each with its file."""
    found: dict[str, _FileName] = {}
    places = ((origin_of(line), (line.place.host, line.place.source_file)) for line in lines)
    for some in chunks(places, _AT_ONCE):
        refused = store.refused([origin for origin, _ in some])
        found |= {origin.line_id: file for origin, file in some if origin.line_id in refused}
    return found


def _let_go_of_files(store: RecordStore, lines: Counter[_FileName], rejected: Counter[_FileName]) -> int:
    """Delete the states of files that are forgotten or have no line left; update the counts of the others."""
    states = [state for state in store.all_states() if state.kind == FILE]
    gone = store.refused_files(states)
    for state in states:
        name = state.host, state.source_file
        if not lines[name] and not rejected[name]:
            continue
        state.lines = max(0, state.lines - lines[name] - rejected[name])
        state.dead_letters = max(0, state.dead_letters - rejected[name])
        if state.lines == 0:
            store.forget_file(state)
            gone.add(state.id)
        elif state.id not in gone:
            store.restore_states([state])
    _place_elsewhere(store, [state for state in states if state.id in gone], gone)
    deleted = store.delete_files([state for state in states if state.id in gone])
    _delete_layouts_without_file(store, {state.id for state in states} - gone)
    _delete_machines_without_file(store, {state.host for state in states if state.id not in gone})
    return deleted


def _place_elsewhere(store: RecordStore, files: list[FileState], gone: set[str]) -> None:
    """Move lines of other sessions, stored under a deleted file, to their place in another file."""
    names: dict[str, set[str]] = {}
    for state in files:
        names.setdefault(state.host, set()).add(state.source_file)
    left = {line.line_id for host, some in names.items() for line in store.lines_of(host, some)}
    places: dict[str, Place] = {}
    for part in store.all_layouts() if left else ():
        if f"{part.host}:{part.source_file}" not in gone:
            for offset, line_id in read_layout([part]).lines.items():
                places[line_id] = Place(part.host, project_of(part.source_file), part.source_file, offset)
    for line_ids in chunks(left, _AT_ONCE):
        lines = [
            replace(line, place=places[line.line_id]) for line in store.read_lines(line_ids) if line.line_id in places
        ]
        store.delete_lines(line_ids)
        store.restore_lines(lines)


def _delete_layouts_without_file(store: RecordStore, known: set[str]) -> None:
    """Delete the layouts of files without a state: an older backup may have restored them."""
    left = {(part.host, part.source_file) for part in store.all_layouts()}
    lost = [FileState(host, name, "", root="") for host, name in left if f"{host}:{name}" not in known]
    store.delete_files(lost)


def _delete_machines_without_file(store: RecordStore, known: set[str]) -> None:
    """Delete the heartbeats of machines without any file; an active machine writes its heartbeat again."""
    told = [state for state in store.all_states() if state.kind == DIRECTORY and state.host not in known]
    store.delete_files(told)


def is_refused(store: RecordStore, lines: Iterable[Origin]) -> set[str]:
    """Return the ids of those of these lines that are forgotten."""
    return {line_id for some in chunks(lines, _AT_ONCE) for line_id in store.refused(some)}
