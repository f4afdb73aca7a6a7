"""Recounts directly from the transcript files, for `verify` to compare with.

It shares no code with the pipeline on purpose, so that an error there is not repeated here: a separate reader, Python's
own JSON parser, and a second implementation of the rules of docs/counting.md.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from verify.answers import Response, answers_of, responses_of
from verify.copies import Arrivals, Copies, find_copies
from verify.counted_calls import Ending, GitCounts, ToolCall, calls_made, git_counts, git_of, searches_of
from verify.files import Json, line_id, objects_of_file
from verify.git import Git, linked_by
from verify.line_facts import FOREVER, Line, read_line, user_texts
from verify.projects import Whereabouts
from verify.prompt_history import History, is_history
from verify.queued import Queue
from verify.terms import Terms


@dataclass(slots=True)
class Session:
    """The facts that a session owns."""

    started_at: int | None = None
    project: str = ""
    messages: int = 0
    prompts: int = 0
    is_named: bool = True
    """False for the lines of a file that name no session."""


@dataclass(frozen=True, slots=True)
class Recounted:
    """Every figure that is compared."""

    responses: list[Response]
    terms: list[Terms]
    """The billing terms of each response."""
    endings: Counter[tuple[ToolCall, Ending]]
    git: Counter[tuple[str, Git]]
    """Commits, pushes and pull requests with their sessions."""
    git_counts: dict[str, GitCounts]
    sessions: dict[str, Session]
    history_prompts: dict[bytes, str]
    """Prompts that no transcript holds, by the ids of their lines, with the session that they name."""

    @property
    def tool_calls(self) -> Counter[ToolCall]:
        """The tool calls."""
        calls: Counter[ToolCall] = Counter()
        for (call, _), count in self.endings.items():
            calls[call] += count
        return calls

    @property
    def named_sessions(self) -> set[str]:
        """The sessions, without the files of lines that name none."""
        return {name for name, session in self.sessions.items() if session.is_named}


@dataclass(slots=True)
class Recount:
    """Reads files one after another, then counts."""

    files: int = 0
    rejected: dict[bytes, str] = field(default_factory=dict)
    """Pieces of lines that hold no JSON object, by their ids, with their files."""
    lines: list[Line] = field(default_factory=list)
    ids: set[bytes] = field(default_factory=set)
    _where: Whereabouts = field(default_factory=Whereabouts)
    _queue: Queue = field(default_factory=Queue)
    _history: History = field(default_factory=History)
    _links: list[tuple[str, Git]] = field(default_factory=list)

    def read(self, source_file: str, path: Path, limit: int | None = None) -> None:
        """Take the lines of a transcript, or of its first `limit` bytes, but for those that were in another file.

        A history of prompts has to be read before all transcripts.
        """
        repetitions: dict[bytes, int] = {}
        self.files += 1
        for found in objects_of_file(source_file, path, limit):
            identity = line_id(found, source_file, repetitions)
            if found.value is None:
                self.rejected.setdefault(identity, source_file)
            elif identity not in self.ids:
                self.ids.add(identity)
                if is_history(source_file):
                    self._history.add(identity, found.value)
                else:
                    self._add(read_line(found, identity, source_file), found.value)

    def _add(self, line: Line, value: Json) -> None:
        self.lines.append(line)
        self._where.add(line, value)
        if value.get("type") == "queue-operation":
            self._queue.add(line, value)
        if line.names_session and (link := linked_by(value)):
            self._links.append((line.session, link))
        if line.at is not None and self._history.is_near(line.at):
            self._history.saw(line.at, user_texts(value))

    def count(self, arrivals: Arrivals = lambda _: {}) -> Recounted:
        """Apply the rules to what was read; `arrivals` says which came first where nothing else does."""
        copies = find_copies(self.lines, arrivals)
        keys = answers_of(self.lines, copies)
        calls = calls_made(self.lines, keys, copies)
        paid = list(responses_of(self.lines, keys, copies, searches_of(calls)))
        git = list(git_of(calls, self._links))
        return Recounted(
            responses=[response for response, _ in paid],
            terms=[terms for _, terms in paid],
            endings=Counter((ToolCall(call.session, call.tool_id), call.ending) for call in calls),
            git=Counter(git),
            git_counts=git_counts(calls, git),
            sessions=self._sessions(copies),
            history_prompts=self._history.prompts({line.session for line in self.lines if line.names_session}),
        )

    def _sessions(self, copies: Copies) -> dict[str, Session]:
        sessions: dict[str, Session] = {}
        starts: dict[str, list[int]] = {}
        for line in self.lines:
            session = sessions.setdefault(line.session, Session(is_named=line.names_session))
            if not copies.is_copy(line):
                session.messages += line.is_message
                session.prompts += line.is_prompt
            own_and_all = starts.setdefault(line.session, [FOREVER, FOREVER])
            at = FOREVER if line.at is None else line.at
            own_and_all[1] = min(at, own_and_all[1])
            own_and_all[0] = own_and_all[0] if line.id in copies.foreign else min(at, own_and_all[0])
        for line, is_prompt in self._queue.prompts(self.lines):
            if not copies.is_copy(line):
                sessions[line.session].messages += 1
                sessions[line.session].prompts += is_prompt
        for name, session in sessions.items():
            started = next((at for at in starts[name] if at != FOREVER), None)
            session.started_at, session.project = started, self._where.project(name)
        return sessions
