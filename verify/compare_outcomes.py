"""Compares how tool calls ended, and commits and pull requests: each, and how many a session has."""

from collections import Counter, defaultdict

from verify.counted_calls import Ending, GitCounts, ToolCall
from verify.git import Git
from verify.published_figures import Lines
from verify.report import Difference

Endings = Counter[tuple[ToolCall, Ending]]
Events = Counter[tuple[str, Git]]


def compare_endings(ours: Endings, theirs: Endings, lines: Lines) -> list[Difference]:
    """Return the calls that are on both sides but ended differently; a lost line may contain the result."""
    counted, stored = _by_call(ours - theirs), _by_call(theirs - ours)
    wrong = [call for call in sorted(counted.keys() & stored.keys()) if not _may_have_lost(call.session, lines)]
    if not wrong:
        return []
    call = wrong[0]
    example = f"{call.tool_id} of {call.session}: {_said(counted[call][0])}, not {_said(stored[call][0])}"
    rest = f" and {len(wrong) - 1} more calls" if len(wrong) > 1 else ""
    total = ours.total()
    return [Difference("outcomes of tool calls", "", "", total, total - len(wrong), example + rest)]


def _by_call(endings: Endings) -> dict[ToolCall, list[Ending]]:
    by_call: dict[ToolCall, list[Ending]] = defaultdict(list)
    for call, ending in endings.elements():
        by_call[call].append(ending)
    return by_call


def _said(ending: Ending) -> str:
    return f"{ending.tool} {ending.outcome}" + (f" ({ending.denial})" if ending.denial else "")


def _may_have_lost(session: str, lines: Lines) -> bool:
    return session in lines.losing or session in lines.sharing


def compare_git(ours: Events, theirs: Events, lines: Lines) -> list[Difference]:
    """Return commits, pushes and pull requests that one side lacks."""
    missing = [outcome for outcome in (ours - theirs).elements() if not _may_have_lost(outcome[0], lines)]
    extra = [outcome for outcome in (theirs - ours).elements() if not _may_have_lost(outcome[0], lines)]
    if not missing and not extra:
        return []
    session, event = (missing or extra)[0]
    name = event.sha or event.url or event.number or ""
    example = f"{event.event} {name} ({event.action}) of {session}"
    total = ours.total()
    return [Difference("commits and pull requests", "", "", total, total - len(missing) + len(extra), example)]


def compare_git_counts(ours: dict[str, GitCounts], theirs: dict[str, GitCounts], lines: Lines) -> list[Difference]:
    """Return sessions with different numbers of commits or pull requests; "not recorded" differs from zero."""
    nothing = GitCounts()
    known = sorted(name for name in theirs if not _may_have_lost(name, lines))
    wrong = [name for name in known if ours.get(name, nothing) != theirs[name]]
    if not wrong:
        return []
    own, their = ours.get(wrong[0], nothing), theirs[wrong[0]]
    example = f"{wrong[0]}: {_counts(own)}, not {_counts(their)}"
    return [Difference("commits per session", "", "", len(known), len(known) - len(wrong), example)]


def _counts(counts: GitCounts) -> str:
    commits, requests = ("not recorded" if count is None else count for count in (counts.commits, counts.requests))
    return f"commits {commits}, pull requests {requests}"
