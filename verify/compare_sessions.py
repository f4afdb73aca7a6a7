"""Compares sessions, what each of them owns, and tool calls."""

from collections import Counter
from collections.abc import Callable

from verify.counted_calls import ToolCall
from verify.line_values import instant
from verify.prompt_history import HISTORY
from verify.published_figures import Lines, place
from verify.recount import Session
from verify.report import Difference

Sessions = dict[str, Session]


def compare_sessions(ours: Sessions, theirs: Sessions, lines: Lines, history: Counter[str]) -> list[Difference]:
    """Return sessions that one side lacks, and those with another start, project or number of messages or prompts."""
    in_files = {name for name, session in ours.items() if session.is_named}
    in_database = {name for name, session in theirs.items() if session.is_named}
    extra = in_database - in_files
    history["sessions"] += len(extra & lines.losing)
    differences = _compare_sets("sessions", in_files, in_database, extra - lines.losing)
    both = sorted(in_files & in_database)
    for measure, value in (("session starts", _start), ("projects", _project)):
        differences += _compare_facts(measure, both, ours, theirs, lines, value)
    for measure, value_of in (("messages", _messages), ("prompts", _prompts)):
        differences += _compare_counts(measure, ours, theirs, lines, value_of)
    return differences


def _start(session: Session) -> str:
    if session.started_at is None:
        return "no time"
    return instant(session.started_at).isoformat(" ", "milliseconds")


def _project(session: Session) -> str:
    return session.project


def _messages(session: Session) -> int:
    return session.messages


def _prompts(session: Session) -> int:
    return session.prompts


def _compare_sets(measure: str, ours: set[str], theirs: set[str], unexplained: set[str]) -> list[Difference]:
    missing = ours - theirs
    if not missing and not unexplained:
        return []
    example = min(missing or unexplained)
    return [Difference(measure, "", "", len(ours), len(ours) - len(missing) + len(unexplained), example)]


def _compare_facts(
    measure: str, names: list[str], ours: Sessions, theirs: Sessions, lines: Lines, value: Callable[[Session], str]
) -> list[Difference]:
    """Compare a session's single-valued facts; lost lines may have had other values."""
    known = [name for name in names if name not in lines.losing | lines.sharing]
    wrong = [name for name in known if value(ours[name]) != value(theirs[name])]
    if not wrong:
        return []
    example = f"{wrong[0]}: {value(ours[wrong[0]])}, not {value(theirs[wrong[0]])}"
    return [Difference(measure, "", "", len(known), len(known) - len(wrong), example)]


def _compare_counts(
    measure: str, ours: Sessions, theirs: Sessions, lines: Lines, value: Callable[[Session], int]
) -> list[Difference]:
    """Compare each session's counts; sessions with lost lines only if they cannot own fewer."""
    nothing = Session()
    counts = {name: (value(ours.get(name, nothing)), value(theirs.get(name, nothing))) for name in ours | theirs}
    unequal = sorted(name for name, (own, their) in counts.items() if own != their)
    wrong = [name for name in unequal if not _is_lost(name, *counts[name], lines)]
    if not wrong:
        return []
    in_files, in_database = (sum(counts[name][side] for name in wrong) for side in (0, 1))
    own, their = counts[wrong[0]]
    rest = f" and {len(wrong) - 1} more sessions" if len(wrong) > 1 else ""
    return [Difference(measure, "", "", in_files, in_database, f"{wrong[0]}: {own}, not {their}{rest}")]


def _is_lost(name: str, counted: int, stored: int, lines: Lines) -> bool:
    """Return whether lost lines explain that a session has more or, if they own what it shares, fewer."""
    return name in lines.sharing or (name in lines.losing and stored > counted)


def compare_history(
    ours: dict[bytes, str], theirs: dict[str, list[str]], lines: Lines, history: Counter[str]
) -> list[Difference]:
    """Return differences in the prompts that are in no transcript.

    Prompts from a deleted history are counted separately. A prompt that the database lacks may be in a deleted
    transcript, and one that it has twice is one too many.
    """
    counted = {identity.hex(): session for identity, session in ours.items()}
    gone = {name: theirs[name] for name in theirs.keys() & set(lines.lost)}
    stored = {name: sessions for name, sessions in theirs.items() if name not in gone}
    if gone:
        history["prompts_of_the_history"] = sum(map(len, gone.values()))
    missing = sorted(counted.keys() - stored.keys())
    if missing and lines.losing - {place(HISTORY)}:
        history["prompts_in_lost_transcripts"] = len(missing)
        missing = []
    wrong = sorted(name for name, sessions in stored.items() if sessions != [counted.get(name)])
    if not missing and not wrong:
        return []
    name = (missing or wrong)[0]
    session = counted.get(name) or (stored.get(name) or [""])[0]
    example = f"{session or 'without a session'}: {int(name in counted)}, not {len(stored.get(name, []))}"
    return [Difference("history prompts", "", "", len(counted), sum(map(len, stored.values())), example)]


def compare_calls(
    ours: Counter[ToolCall], theirs: Counter[ToolCall], lines: Lines, history: Counter[str]
) -> list[Difference]:
    """Return tool calls that one side lacks."""
    missing, extra = ours - theirs, theirs - ours
    lost = Counter({call: count for call, count in extra.items() if call.session in lines.losing | lines.sharing})
    elsewhere = Counter(call.tool_id for call in lost.elements())
    for call in [call for call in missing.elements() if call.session in lines.sharing]:
        if elsewhere[call.tool_id]:  # its owner is one of those sessions
            elsewhere[call.tool_id] -= 1
            missing[call] -= 1
    missing += Counter()
    extra -= lost
    history["tool_calls"] += elsewhere.total()
    if not missing and not extra:
        return []
    example = min(missing or extra)
    in_database = ours.total() - missing.total() + extra.total()
    return [Difference("tool calls", "", "", ours.total(), in_database, f"{example.tool_id} of {example.session}")]
