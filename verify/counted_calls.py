"""Which result answers which tool call, how each call ended, and what it did with git: as docs/counting.md says."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from verify.answers import AnswerKey
from verify.copies import Copies
from verify.endings import Call, Result
from verify.git import Git
from verify.line_facts import FOREVER, Line

CallKey = tuple[AnswerKey, str]


class ToolCall(NamedTuple):
    """One call of a tool."""

    session: str
    tool_id: str


class Ending(NamedTuple):
    """How a call ended."""

    tool: str
    outcome: str
    denial: str | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A block that calls a tool."""

    line: Line
    place: int
    call: Call
    key: CallKey


@dataclass(frozen=True, slots=True)
class _Answered:
    """A block that holds a result."""

    line: Line
    place: int
    result: Result


@dataclass(slots=True)
class MadeCall:
    """A call, counted once."""

    session: str
    tool_id: str
    answer: AnswerKey | None
    """The response that made it, if it is one that is billed."""
    ending: Ending
    git: tuple[Git, ...] = ()
    lacks_commit: bool = False
    """Its commit succeeded, but is not reported anywhere."""
    lacks_request: bool = False
    searches: int = 0


@dataclass(slots=True)
class GitCounts:
    """Commits and pull requests of a session; None is not recorded."""

    commits: int | None = 0
    requests: int | None = 0


@dataclass(slots=True)
class _Session:
    commits: int = 0
    urls: set[str] = field(default_factory=set)
    lacks_commit: bool = False
    lacks_request: bool = False


def calls_made(lines: list[Line], keys: dict[bytes, AnswerKey], copies: Copies) -> list[MadeCall]:
    """Return every tool call once: an id within an answer, or within a line that is no answer's, with its result."""
    asked: dict[CallKey, list[_Asked]] = defaultdict(list)
    for line in lines:
        for place, call in enumerate(line.calls):
            answer = keys.get(line.id) or ("line", copies.originals.get(line.id, line).id)
            asked[answer, call.tool_id].append(_Asked(line, place, call, (answer, call.tool_id)))
    answered: dict[CallKey, list[_Answered]] = defaultdict(list)
    called = _Called(call for found in asked.values() for call in found)
    for line in lines:
        for place, result in enumerate(line.results):
            key = called.by(line, result)
            if key is not None:
                answered[key].append(_Answered(line, place, result))
    return [_made(found, answered.get(key, []), copies) for key, found in asked.items()]


class _Called:
    """Finds the call that a result answers: the last with its id before it or else the next, its agent's first."""

    def __init__(self, asked: Iterable[_Asked]) -> None:
        self._of_session: dict[tuple[str, str], list[_Asked]] = defaultdict(list)
        self._of_agent: dict[tuple[str, str, str | None], list[_Asked]] = defaultdict(list)
        for call in sorted(asked, key=_order):
            self._of_session[call.line.session, call.call.tool_id].append(call)
            self._of_agent[call.line.session, call.call.tool_id, call.line.agent].append(call)

    def by(self, line: Line, result: Result) -> CallKey | None:
        """Return the call, or None if its session has none with the id."""
        near = self._of_agent.get((line.session, result.tool_id, line.agent))
        near = near or self._of_session.get((line.session, result.tool_id))
        if near is None:
            return None
        position = bisect_right(near, FOREVER if line.at is None else line.at, key=_time)
        return near[max(position - 1, 0)].key


def _time(asked: _Asked) -> int:
    return FOREVER if asked.line.at is None else asked.line.at


def _order(asked: _Asked) -> tuple[int, int, bytes, int]:
    return (*asked.line.order, asked.place)


def _made(asked: list[_Asked], answered: list[_Answered], copies: Copies) -> MadeCall:
    first = min(asked, key=lambda call: (*_rank(call.line, copies), call.line.is_aside, *_order(call)))
    told = min(answered, key=lambda answer: (*_rank(answer.line, copies), *_result_order(answer)), default=None)
    session, call = first.line.session, first.call
    billed = first.line.answer is not None and first.line.answer.is_billed
    answer = first.key[0] if billed else None
    if told is None:
        return MadeCall(session, call.tool_id, answer, Ending(call.tool, "incomplete", None))
    alike = [answer.result for answer in answered if answer.line.is_replay == told.line.is_replay]
    call_made = MadeCall(session, call.tool_id, answer, _ending(call, told.result, alike))
    call_made.searches = (told.result.searches or 0) if call.tool == "WebSearch" else 0
    _add_git(call_made, call, told.result)
    return call_made


def _rank(line: Line, copies: Copies) -> tuple[bool, bool]:
    return copies.is_copy(line), line.is_replay


def _result_order(answered: _Answered) -> tuple[int, bool, int, bytes, int]:
    at, offset, identity = answered.line.order
    return at, answered.line.is_aside, offset, identity, answered.place


def _ending(call: Call, told: Result, alike: list[Result]) -> Ending:
    has_failed = any(result.is_error for result in alike)
    denial = max((result.denial for result in alike if result.denial), default=None)
    if denial is None and has_failed:
        denial = told.refusal or (None if call.tool.startswith("mcp__") else told.own_refusal)
    if denial is not None:
        return Ending(call.tool, "denied", denial)
    failed = "interrupted" if told.is_interrupted else "error" if has_failed else "success"
    return Ending(call.tool, failed, None)


def _add_git(call_made: MadeCall, call: Call, told: Result) -> None:
    """Add commits and pull requests: reported ones, and unreported ones from the output."""
    reported = {git.event for git in told.reported}
    printed = call.command.told(told.printed) if call.command else ()
    call_made.git = (*told.reported, *(git for git in printed if git.event not in reported))
    if call.command and call_made.ending.outcome == "success":
        events = {git.event for git in call_made.git}
        call_made.lacks_commit = call.command.commits and "commit" not in events
        call_made.lacks_request = call.command.opens and "pull_request" not in events


def searches_of(calls: Iterable[MadeCall]) -> dict[AnswerKey, int]:
    """Return the web searches that the results of each response's calls report."""
    searches: Counter[AnswerKey] = Counter()
    for call in calls:
        if call.answer is not None and call.searches:
            searches[call.answer] += call.searches
    return searches


def git_of(calls: Iterable[MadeCall], links: Iterable[tuple[str, Git]]) -> Iterator[tuple[str, Git]]:
    """Yield every commit, push and pull request with its session; a link to a pull request once in its session."""
    for call in calls:
        for event in call.git:
            yield call.session, event
    known: dict[tuple[str, str | None], Git] = {}
    for session, link in links:
        other = known.setdefault((session, link.url), link)
        numbers = [git.number for git in (other, link) if git.number is not None]
        known[session, link.url] = other._replace(number=min(numbers, default=None))
    yield from ((session, link) for (session, _), link in known.items())


def git_counts(calls: Iterable[MadeCall], found: Iterable[tuple[str, Git]]) -> dict[str, GitCounts]:
    """Return how many commits and pull requests each session made."""
    sessions: dict[str, _Session] = defaultdict(_Session)
    for name, git in found:
        sessions[name].commits += git.event == "commit"
        sessions[name].urls |= {git.url} if git.url else set()
    for call in calls:
        sessions[call.session].lacks_commit |= call.lacks_commit
        sessions[call.session].lacks_request |= call.lacks_request
    return {
        name: GitCounts(
            None if counts.lacks_commit and not counts.commits else counts.commits,
            None if counts.lacks_request and not counts.urls else len(counts.urls),
        )
        for name, counts in sessions.items()
    }
