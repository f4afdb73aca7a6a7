"""Prompts that are only in Claude Code's prompt history, as docs/counting.md says."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from verify.files import Json, whole
from verify.line_values import moment, text, written
from verify.turns import typed

HISTORY = "../history.jsonl"
_SECOND = 10**6
_NEAR = 5 * _SECOND
_COMMAND = re.compile(r"!|/[A-Za-z][A-Za-z0-9:_-]*(\s|$)", re.ASCII)
_PASTED = re.compile(r"\[(Pasted text|Image|\.\.\.Truncated text) #")


def is_history(source_file: str) -> bool:
    """Return whether a file is the history of prompts."""
    return source_file.endswith(HISTORY)


@dataclass(slots=True)
class _Prompt:
    id: bytes
    session: str
    at: int | None
    said: str
    before_pasted: str | None
    is_in_transcript: bool = False

    def is_said_by(self, words: str) -> bool:
        return words == self.said if self.before_pasted is None else words.startswith(self.before_pasted)


@dataclass(slots=True)
class History:
    """The prompts of the history. It is read before the transcripts, which take out what they hold themselves."""

    _prompts: list[_Prompt] = field(default_factory=list)
    _near: dict[int, list[_Prompt]] = field(default_factory=lambda: defaultdict(list))

    def add(self, identity: bytes, value: Json) -> None:
        """Take a line of the history."""
        said = _said(value.get("display")).strip(" \t\n\r")
        if not said or _COMMAND.match(said):
            return
        pasted = _PASTED.search(said)
        prompt = _Prompt(
            id=identity,
            session=text(value.get("sessionId")) or "",
            at=moment(value.get("timestamp")),
            said=said,
            before_pasted=said[: pasted.start()].strip() if pasted else None,
        )
        self._prompts.append(prompt)
        if prompt.at is not None:
            for around in (-1, 0, 1):
                self._near[prompt.at // _NEAR + around].append(prompt)

    def is_near(self, at: int | None) -> bool:
        """Return whether a prompt was typed at about this time."""
        return at is not None and at // _NEAR in self._near

    def saw(self, at: int, said: Iterable[str]) -> None:
        """Remove the prompts of a transcript's user line."""
        words = [typed(text) for text in said]
        for prompt in self._near[at // _NEAR]:
            if abs((prompt.at or 0) // 1000 - at // 1000) * 1000 <= _NEAR and any(map(prompt.is_said_by, words)):
                prompt.is_in_transcript = True

    def prompts(self, sessions: set[str]) -> dict[bytes, str]:
        """Return the prompts that no transcript holds, with the session that they name; these sessions are there."""
        return {
            prompt.id: prompt.session
            for prompt in self._prompts
            if not prompt.is_in_transcript and (not prompt.session or prompt.session not in sessions)
        }


def _said(display: object) -> str:
    return "" if display is None else whole(display if isinstance(display, str) else written(display))
