"""What a request to forget means: the lines, sessions and files that it names, and samples of them to search for."""

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from hashlib import blake2b
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson

from common.loader_results import Selected
from common.transcript_files import project_of
from records import RecordStore, RejectedLine, StoredLine
from records.file_state import FILE, FileState, as_utc
from records.forgotten import sessions_of
from records.layouts import read_layout
from records.sweep import all_lines, all_rejected
from vault.errors import ForgetError

SESSION, PROJECT, HOST, BEFORE = "session", "project", "host", "before"
MOST_TEXTS, MOST_NAMES = 48, 48
"""How many texts and how many ids are searched for: each is looked for in every file."""
_TEXT = re.compile(rb"[A-Za-z0-9][A-Za-z0-9 ,.;:()_-]{23,}")
"""Written alike in JSON, SQL, HTML and Markdown."""
_TEXT_BYTES = 48
_NO_LETTER = re.compile("[^A-Za-z0-9]")


@dataclass(frozen=True)
class Wanted:
    """What a person asked to forget."""

    kind: str
    value: str
    timezone: str = "UTC"


@dataclass
class Selection:
    """What would go."""

    kind: str
    value: str
    """What was asked for, in full: a session's id and not its beginning."""
    lines: set[str] = field(default_factory=set)
    rejected: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    """The sessions that the lines are of."""
    marked: set[str] = field(default_factory=set)
    """Those of which nothing is taken in future either."""
    days: set[date] = field(default_factory=set)
    copies: dict[str, int] = field(default_factory=dict)
    """Other sessions that hold copies of these lines, and how many."""
    samples: list[str] = field(default_factory=list)
    """Ids and pieces of text that nothing else in the record store holds."""
    before: datetime | None = None

    def describe(self) -> Selected:
        """Return what people are shown: numbers, sessions and days."""
        return Selected(
            kind=self.kind,
            value=self.value,
            lines=len(self.lines),
            rejected_lines=len(self.rejected),
            sessions=sorted(self.sessions),
            days=len(self.days),
            first_day=min(self.days, default=None),
            last_day=max(self.days, default=None),
            copies=self.copies,
            before=self.before,
        )


def select(store: RecordStore, wanted: Wanted) -> Selection:
    """Return what a request means now. Raises ForgetError where it names nothing that was collected."""
    selection = Selection(wanted.kind, wanted.value)
    states = [state for state in store.all_states() if state.kind == FILE]
    chosen = _CHOICES[wanted.kind](store, states, wanted, selection)
    sampler, uuids = Sampler(), set[str]()
    for line in all_lines(store):
        if chosen(line):
            _take(selection, line)
            uuids |= {line.uuid} if line.uuid else set()
            sampler.add(line.content)
    selection.rejected = {line.line_id for line in all_rejected(store) if chosen(line)}
    _look_at_the_rest(store, selection, sampler, uuids)
    return selection


def _take(selection: Selection, line: StoredLine) -> None:
    selection.lines.add(line.line_id)
    if session := line.session_id or next(iter(sessions_of(line.place.source_file)), None):
        selection.sessions.add(session)
    if moment := _time_of(line):
        selection.days.add(moment.date())


def _look_at_the_rest(store: RecordStore, selection: Selection, sampler: "Sampler", uuids: set[str]) -> None:
    """Count copies in other sessions, and leave out samples that other lines hold as well."""
    samples = [*sampler.texts(), *sampler.names(selection, uuids)]
    left = {sample.encode() for sample in samples}
    copies: dict[str, int] = defaultdict(int)
    files = {state.source_file for state in store.all_states() if _stays_by_copies(state, selection)}
    for line in all_lines(store):
        if line.line_id in selection.lines:
            continue
        files.add(line.place.source_file or "")
        if line.uuid in uuids and line.session_id:
            copies[line.session_id] += 1
        left -= {sample for sample in left if sample in line.content}
    for rejected in all_rejected(store):
        if rejected.line_id not in selection.rejected:
            left -= {sample for sample in left if sample in rejected.raw}
    names = "\n".join(files).encode("utf-8", "replace")
    left -= {sample for sample in left if sample in names}
    selection.copies = dict(copies)
    selection.samples = [sample for sample in samples if sample.encode() in left]


def _stays_by_copies(state: FileState, selection: Selection) -> bool:
    """Whether a file is kept though none of its lines may be stored under its own name."""
    return state.duplicates > 0 and selection.marked.isdisjoint(sessions_of(state.source_file))


class Sampler:
    """Keeps a piece of text of some lines, each line with the same chance."""

    def __init__(self) -> None:
        self._chance, self._seen = random.Random(0), 0  # noqa: S311 - which lines are sampled is no secret
        self._texts: list[str] = []

    @staticmethod
    def few(texts: list[str]) -> list[str]:
        """Return no more texts than are searched for: of several batches, as many of each, whatever their order."""
        return sorted(set(texts), key=lambda text: blake2b(text.encode()).digest())[:MOST_TEXTS]

    def add(self, content: bytes) -> None:
        """Take a piece of this line's text, perhaps in the place of another line's."""
        self._seen += 1
        place = len(self._texts) if len(self._texts) < MOST_TEXTS else self._chance.randrange(self._seen)
        if place >= MOST_TEXTS:  # before the search for a text, which takes longer than all else
            return
        if found := max(_TEXT.findall(content), key=len, default=b""):
            start = max(0, (len(found) - _TEXT_BYTES) // 2)
            self._texts[place : place + 1] = [found[start : start + _TEXT_BYTES].decode("ascii")]

    def texts(self) -> list[str]:
        """Return the pieces."""
        return list(dict.fromkeys(self._texts))

    def names(self, selection: Selection, uuids: set[str]) -> list[str]:
        """Return ids of sessions, and of lines where that leaves room; short ones may be anywhere by chance."""
        long = [name for names in (sorted(selection.sessions), sorted(uuids)) for name in names if len(name) >= 16]
        return long[:MOST_NAMES]


_Chosen = Callable[[StoredLine | RejectedLine], bool]


def _session_of(line: StoredLine | RejectedLine) -> str | None:
    return line.session_id if isinstance(line, StoredLine) else None


def _of(store: RecordStore, sessions: set[str], is_theirs: Callable[[str | None, str | None], bool]) -> _Chosen:
    """Return what chooses lines of these sessions, and those in files that are theirs, by host and name.

    A line of another session in such a file stays where another file holds it as well: a resumed session repeats lines.
    """
    held = {
        line_id
        for part in store.all_layouts()
        if not is_theirs(part.host, part.source_file)
        for line_id in read_layout([part]).lines.values()
    }

    def chosen(line: StoredLine | RejectedLine) -> bool:
        if _session_of(line) in sessions:
            return True
        is_other = _session_of(line) is not None and line.line_id in held
        return is_theirs(line.place.host, line.place.source_file) and not is_other

    return chosen


def _by_session(store: RecordStore, states: list[FileState], wanted: Wanted, selection: Selection) -> _Chosen:
    known = {session for state in states for session in sessions_of(state.source_file)}
    known |= {line.session_id for line in all_lines(store) if line.session_id}
    found = {wanted.value} & known or {session for session in known if session.startswith(wanted.value)}
    if len(found) != 1:
        told = f"{len(found)} sessions start with it" if found else "no collected session has that id"
        raise ForgetError(f"session: expected an id or a unique prefix, found {wanted.value!r}: {told}")
    (selection.value,) = found
    selection.marked = found
    return _of(store, found, lambda _, file: not found.isdisjoint(sessions_of(file)))


def _by_project(store: RecordStore, states: list[FileState], wanted: Wanted, selection: Selection) -> _Chosen:
    known = {state.project_id for state in states}
    project = wanted.value if wanted.value in known else project_of_path(wanted.value)
    if project not in known:
        some = ", ".join(sorted(known)[:5])
        raise ForgetError(f"project: expected the id or path of a collected project ({some}), found {wanted.value!r}")
    selection.value = project
    selection.marked = {
        name for state in states if state.project_id == project for name in sessions_of(state.source_file)
    }
    of_project = _of(store, selection.marked, lambda _, file: project_of(file or "") == project)
    return lambda line: of_project(line) or _prompt_in(line) == project


def project_of_path(path: str) -> str:
    """Return the id that Claude Code makes of a project's path."""
    return _NO_LETTER.sub("-", str(Path(path).expanduser().absolute()))


def _prompt_in(line: StoredLine | RejectedLine) -> str | None:
    """Return the project of a line of Claude Code's history of prompts, which is kept for all projects in one file."""
    if not isinstance(line, StoredLine) or ".." not in (line.place.source_file or "").split("/"):
        return None
    project = _value(line).get("project")
    return _NO_LETTER.sub("-", project) if isinstance(project, str) else None


def _by_host(store: RecordStore, states: list[FileState], wanted: Wanted, selection: Selection) -> _Chosen:
    everyone = list(store.all_states())
    hosts = {state.host for state in everyone if wanted.value in (state.host, state.person)}
    if not hosts:
        known = sorted({name for state in everyone for name in (state.host, state.person) if name})
        raise ForgetError(
            f"person: expected a person or the name of a machine ({', '.join(known)}), found {wanted.value!r}"
        )
    selection.marked = {name for state in states if state.host in hosts for name in sessions_of(state.source_file)}
    return _of(store, selection.marked, lambda host, _: host in hosts)


def _by_time(store: RecordStore, states: list[FileState], wanted: Wanted, selection: Selection) -> _Chosen:
    try:
        day = date.fromisoformat(wanted.value)
    except ValueError:
        raise ForgetError(f"before: expected a day such as 2026-01-31, found {wanted.value!r}") from None
    selection.before = datetime.combine(day, time.min, ZoneInfo(wanted.timezone)).astimezone(UTC)
    old = set(_older(store, states, selection.before))
    return lambda line: line.line_id in old


def _older(store: RecordStore, states: list[FileState], before: datetime) -> Iterator[str]:
    """Yield the lines from before a moment; one without a time is as old as what stands before it in its file."""
    files: dict[tuple[str | None, str | None], list[tuple[int, str, datetime | None]]] = defaultdict(list)
    stored: dict[str, datetime | None] = {}
    lines: Iterable[StoredLine | RejectedLine] = (*all_rejected(store),)
    for some in (all_lines(store), lines):
        for line in some:
            place, moment = line.place, _time_of(line)
            stored[line.line_id] = line.ingested_at if moment is None else None
            files[place.host, place.source_file].append((place.byte_offset or 0, line.line_id, moment))
    changed: dict[tuple[str | None, str | None], datetime | None] = {}
    changed |= {(state.host, state.source_file): state.modified_at for state in states}
    for name, found in files.items():
        found.sort(key=lambda entry: entry[0])
        last = next((moment for *_, moment in found if moment), None) or changed.get(name)
        for _, line_id, moment in found:
            last = moment or last
            if (age := last or stored[line_id]) and age < before:
                yield line_id


def _time_of(line: StoredLine | RejectedLine) -> datetime | None:
    """Return when a line was written, as it says itself."""
    found = _value(line).get("timestamp") if isinstance(line, StoredLine) else None
    try:
        if isinstance(found, int | float):
            return datetime.fromtimestamp(found / 1000 if found > 10**11 else found, UTC)
        return as_utc(found)
    except (ValueError, OverflowError, OSError):
        return None


def _value(line: StoredLine) -> dict[str, object]:
    try:
        value = orjson.loads(line.content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


_CHOICES = {SESSION: _by_session, PROJECT: _by_project, HOST: _by_host, BEFORE: _by_time}
