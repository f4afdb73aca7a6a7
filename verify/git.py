"""Commits and pull requests in commands, in their output and in what Claude Code reports: docs/counting.md has it."""

import re
from typing import Any, NamedTuple

from verify.files import Json
from verify.line_values import count, text, written

_SHELLS = frozenset({"Bash", "PowerShell"})
_COMMAND_LENGTH = 4096
_WORD = r"(?:\"[^\"]*\"|'[^']*'|[^\s\"'|;&])+"
_OPTION = rf"[ \t]+(?:-[cC][ \t]+{_WORD}|--?[A-Za-z-]+(?:={_WORD})?)"
_COMMITS = re.compile(rf"\bgit(?:{_OPTION})*[ \t]+(?:commit|cherry-pick|revert)(?![A-Za-z0-9_-])", re.ASCII)
_OPENS = re.compile(r"\b(?:gh\b[^|;&\n]*\bpr|glab\b[^|;&\n]*\bmr)\s+create\b", re.ASCII)
_AMENDS = re.compile(r"\s--amend\b", re.ASCII)
_PICKS = re.compile(r"\bcherry-pick\b", re.ASCII)
_COMMIT = re.compile(r"^\[[^\]\n]* ([0-9a-f]{7,40})\] ", re.MULTILINE)
_REQUEST = re.compile(r"https?://[^\s/]+/\S+?/(?:pull|-/merge_requests)/(\d+)", re.ASCII)
_KNOWN = "already exists"
"""What gh and glab print when the pull request already exists."""
_LARGEST_NUMBER = 2**31 - 1


class Git(NamedTuple):
    """A commit, a push or a pull request."""

    event: str
    action: str | None
    sha: str | None = None
    number: int | None = None
    url: str | None = None


class Command(NamedTuple):
    """What a shell command does with git."""

    commits: bool
    opens: bool
    action: str

    def told(self, printed: tuple[Git, ...]) -> tuple[Git, ...]:
        """Return the printed commits and pull requests that this command can create, with its action."""
        actions = {"commit": self.action if self.commits else None, "pull_request": "created" if self.opens else None}
        return tuple(git._replace(action=actions[git.event]) for git in printed if actions[git.event] is not None)


def command_of(tool: str, given: Any) -> Command | None:
    """Return what a call does with git; None where it runs no command that commits or opens a pull request."""
    command = given.get("command") if isinstance(given, dict) and tool in _SHELLS else None
    if command is None:
        return None
    said = (command if isinstance(command, str) else written(command))[:_COMMAND_LENGTH]
    commits, opens = _COMMITS.search(said) is not None, _OPENS.search(said) is not None
    if not commits and not opens:
        return None
    return Command(commits, opens, "cherry-picked" if _PICKS.search(said) else _plain_action(said))


def _plain_action(said: str) -> str:
    return "amended" if _AMENDS.search(said) else "committed"


def printed_in(output: str) -> tuple[Git, ...]:
    """Return the commits and pull requests that an output tells of, whatever the command was."""
    commits = [Git("commit", None, sha=found[1]) for found in _COMMIT.finditer(output)]
    requests = [] if _KNOWN in output else list(_REQUEST.finditer(output))
    return (*commits, *(Git("pull_request", None, number=_number(request[1]), url=request[0]) for request in requests))


def reported_by(operation: Any) -> tuple[Git, ...]:
    """Return what a `gitOperation` reports."""
    found = operation.items() if isinstance(operation, dict) else ()
    return tuple(_reported(key, value) for key, value in found if isinstance(value, dict))


def _reported(key: str, said: Json) -> Git:
    action = next((said[name] for name in ("kind", "action") if said.get(name) is not None), None)
    event = "pull_request" if key == "pr" else key
    return Git(event, text(action), text(said.get("sha")), _number(said.get("number")), text(said.get("url")))


def linked_by(line: Json) -> Git | None:
    """Return the pull request that a line of type `pr-link` links its session to."""
    url = text(line.get("prUrl")) if line.get("type") == "pr-link" else None
    return None if url is None else Git("pull_request", "linked", number=_number(line.get("prNumber")), url=url)


def _number(value: Any) -> int | None:
    number = count(value)
    return number if number is not None and number <= _LARGEST_NUMBER else None
