"""Which lines are versions of one, which session owns them, and which version counts, as docs/counting.md says."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from hashlib import md5

from verify.line_facts import FOREVER, Line

MOST_FORKS = 64
"""A line in more sessions is a repeating id; which session was first is not determined."""

Arrivals = Callable[[Iterable[Line]], dict[bytes, float]]
"""Returns when lines were collected, by their ids."""


class Groups:
    """Groups of equivalent items: a disjoint-set union."""

    def __init__(self) -> None:
        self._parents: dict[Hashable, Hashable] = {}

    def of(self, member: Hashable) -> Hashable:
        """Return the representative of a member's group."""
        root = member
        while (parent := self._parents.get(root, root)) != root:
            root = parent
        while (parent := self._parents.get(member, member)) != root:
            self._parents[member], member = root, parent
        return root

    def join(self, member: Hashable, other: Hashable) -> None:
        """Merge two groups."""
        self._parents[self.of(member)] = self.of(other)


@dataclass(slots=True)
class Copies:
    """The decisions about repeated lines; a line in none of these has no copy."""

    originals: dict[bytes, Line] = field(default_factory=dict)
    """By the id of a line that is a copy, the version that counts."""
    foreign: set[bytes] = field(default_factory=set)
    """Ids of lines that another session owns, the owner's replayed in it among them."""

    def is_copy(self, line: Line) -> bool:
        """Return whether another version of this line counts."""
        return line.id in self.originals


def find_copies(lines: list[Line], arrivals: Arrivals) -> Copies:
    """Decide which lines count and which session owns them."""
    repeatable = [line for line in lines if line.can_repeat]
    versions = _versions(repeatable)
    repeated = [group for group in versions.values() if len(group) > 1]
    owners = _Owners(repeated, versions.values(), arrivals)
    copies = Copies()
    for group in repeated:
        owner = owners.of(group)
        original = min(group, key=lambda line: _rank(line, owner))
        copies.originals |= {line.id: original for line in group if line is not original}
        copies.foreign |= {line.id for line in group if line.session != owner}
    return copies


def _rank(line: Line, owner: str) -> tuple[object, ...]:
    return (not line.is_message, line.session != owner, line.is_replay, line.is_aside, -line.length, *line.order)


def _versions(lines: list[Line]) -> dict[Hashable, list[Line]]:
    """Group lines that are versions of one: by uuid, by their fork's source, by their content."""
    same = Groups()
    for line in lines:
        if line.forked_from is not None:
            same.join(line.key, line.forked_from)
    _join_equals(lines, same)
    versions: dict[Hashable, list[Line]] = defaultdict(list)
    for line in lines:
        versions[same.of(line.key)].append(line)
    return versions


def _join_equals(lines: list[Line], same: Groups) -> None:
    """Join messages with the same content and time in one conversation, or in two that share an answer."""
    alike: dict[tuple[int, bytes], list[Line]] = defaultdict(list)
    for line in lines:
        if line.spoken is not None and line.at is not None:
            alike[line.at, line.spoken].append(line)
    several = [group for group in alike.values() if len({same.of(line.key) for line in group}) > 1]
    conversations = _conversations_with_one_answer(lines, several, same)
    for group in several:
        first: dict[Hashable, Line] = {}
        for line in group:
            other = first.setdefault(conversations.of(_conversation(line)), line)
            same.join(line.key, other.key)


def _conversations_with_one_answer(lines: list[Line], alike: list[list[Line]], same: Groups) -> Groups:
    """Join conversations that hold versions of one answer's line, by its uuid, by what it was forked from, or alike."""
    conversations, first = Groups(), dict[Hashable, Line]()
    for line in (line for line in lines if _is_named_answer(line)):
        conversations.join(_conversation(line), _conversation(first.setdefault(same.of(line.key), line)))
    for group in (group for group in alike if _is_named_answer(group[0])):
        for line in group:
            conversations.join(_conversation(line), _conversation(group[0]))
    return conversations


def _is_named_answer(line: Line) -> bool:
    return line.answer is not None and line.answer.message is not None


def _conversation(line: Line) -> tuple[str, str | None]:
    return (line.session, line.agent)


class _Owners:
    """Decides which of a line's sessions owns it: once for each set of sessions, of which there are few."""

    def __init__(self, repeated: list[list[Line]], versions: Iterable[list[Line]], arrivals: Arrivals) -> None:
        self._repeated, self._arrivals = repeated, arrivals
        self._known: dict[frozenset[str], str] = {}
        self._arrived: dict[str, float] = {}
        sets = {frozenset(line.session for line in group) for group in repeated}
        self._sharing = {session for sessions in sets if len(sessions) > 1 for session in sessions}
        self._forks: dict[str, set[str]] = defaultdict(set)
        for sessions in (forks for forks in sets if len(forks) <= MOST_FORKS):
            for session in sessions:
                self._forks[session] |= sessions - {session}
        self._begins = self._beginnings(versions)
        self._parents = {(line.session, line.parent) for group in repeated for line in group if line.parent}

    def _beginnings(self, versions: Iterable[list[Line]]) -> dict[str, dict[frozenset[str], int]]:
        """When each session's lines begin, apart for each set of sessions that it holds lines with."""
        begins: dict[str, dict[frozenset[str], int]] = defaultdict(dict)
        for group in versions:
            sessions = frozenset(line.session for line in group)
            for line in group:
                if line.session in self._sharing:
                    known = begins[line.session]
                    known[sessions] = min(known.get(sessions, FOREVER), FOREVER if line.at is None else line.at)
        return begins

    def of(self, group: list[Line]) -> str:
        """Return the session that owns a line."""
        sessions = frozenset(line.session for line in group)
        if sessions not in self._known:
            self._known[sessions] = self._first(sessions)
        return self._known[sessions]

    def _first(self, sessions: frozenset[str]) -> str:
        if len(sessions) == 1:
            return next(iter(sessions))
        preceding = {
            session: sum(self._precedes(other, session) for other in self._forks[session] & sessions)
            for session in sessions
        }
        fewest = min(preceding.values())
        first = [session for session in sessions if preceding[session] == fewest]
        return first[0] if len(first) == 1 else min(first, key=lambda session: (self._arrival(session), _md5(session)))

    def _precedes(self, session: str, other: str) -> bool:
        is_named, names = (other, session) in self._parents, (session, other) in self._parents
        return (
            is_named
            if is_named != names
            else self._begins_without(session, other) < self._begins_without(other, session)
        )

    def _begins_without(self, session: str, other: str) -> int:
        """Return when a session's unshared lines begin; before all time if there are none."""
        begins = [at for sessions, at in self._begins[session].items() if other not in sessions]
        known = [at for at in begins if at != FOREVER]
        return min(known, default=-FOREVER)

    def _arrival(self, session: str) -> float:
        """Return when the first of its repeated lines was collected."""
        if session not in self._arrived:
            held = [line for group in self._repeated for line in group if line.session == session]
            self._arrived[session] = min(self._arrivals(held).values(), default=0.0)
        return self._arrived[session]


def _md5(session: str) -> str:
    return md5(session.encode(), usedforsecurity=False).hexdigest()
