"""Compares the published marts with its own count from the transcript files.

Everything in the files must be in the database, to the token. The database may have more: Claude Code deletes
transcripts after about 30 days, and other machines' transcripts are not here. Figures that are only in the database
are history if their lines are in no file any more, else a difference. Lines written to the files since the
collector's last pass are ignored and reported.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from common.errors import AnalyticsError
from verify.answers import Response
from verify.compare_costs import charges_of, compare_costs
from verify.compare_outcomes import compare_endings, compare_git, compare_git_counts
from verify.compare_responses import compare_responses
from verify.compare_sessions import compare_calls, compare_history, compare_sessions
from verify.files import transcript_files
from verify.line_values import instant
from verify.price_list import PRICES, PriceList, price_list
from verify.prompt_history import is_history
from verify.published_figures import NO_DAY, Lines, Published, place
from verify.published_outcomes import charges, endings, git_counts, git_events
from verify.recount import Recount, Recounted, Session
from verify.report import Difference, VerifyReport

MEMORY_LIMIT = "512MB"
"""DuckDB's memory limit beside the second count."""


class VerifyError(AnalyticsError):
    """One side of the comparison is missing; the message says which and what to do."""


def verify(
    published_database: Path,
    transcripts: Sequence[Path],
    timezone: str,
    own_prices: Path | None = None,
    left_out: Callable[[dict[str, Path]], set[str]] | None = None,
) -> VerifyReport:
    """Recount and compare. Timezone and custom prices must be those of the database's build.

    `left_out` returns the files not to count: those that were excluded or forgotten.
    """
    for folder in transcripts:
        if not folder.is_dir():
            raise VerifyError(f"transcripts: expected a directory, found nothing at {folder}; pass --transcripts")
    if not published_database.exists():
        raise VerifyError(f"expected a published database at {published_database}, found none; start with a run")
    prices = _prices(own_prices)
    with duckdb.connect(str(published_database), read_only=True) as connection:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        files = transcript_files(transcripts)
        unwanted = left_out(files) if left_out else set()
        counted = {name: path for name, path in files.items() if name not in unwanted}
        return _verify(connection, counted, ZoneInfo(timezone), prices)


def _prices(own: Path | None) -> PriceList:
    try:
        return price_list(own)
    except (OSError, KeyError, ValueError, re.error) as error:
        raise VerifyError(f"{own or PRICES}: expected a price list as docs/counting.md says, found: {error}") from None


def _verify(
    connection: duckdb.DuckDBPyConnection, files: dict[str, Path], zone: ZoneInfo, prices: PriceList
) -> VerifyReport:
    published = Published(connection)
    limits = published.limits(files)
    recount = Recount()
    for name, path in sorted(files.items(), key=lambda file: not is_history(file[0])):
        limit = limits.read_bytes.get(name)
        if name not in limits.unseen and limit != 0:
            _read(recount, name, path, limit)
    lines = published.lines(recount.ids, limits.intact)
    counted = _placed(recount.count(published.arrivals), zone)
    history = Counter(dict.fromkeys(("lines", "sessions", "tool_calls", "responses", "tokens"), 0))
    history["lines"] = len(lines.lost)
    charged = charges_of(zip(counted.responses, counted.terms, strict=True), prices)
    differences = [
        *_compare_lines(recount, lines),
        *compare_responses(Counter(counted.responses), published.responses(), lines, history),
        *compare_costs(charged, charges(connection), lines),
        *compare_sessions(counted.sessions, published.sessions(), lines, history),
        *compare_calls(counted.tool_calls, published.tool_calls(), lines, history),
        *compare_endings(counted.endings, endings(connection), lines),
        *compare_git(counted.git, git_events(connection), lines),
        *compare_git_counts(counted.git_counts, git_counts(connection), lines),
        *_compare_dead_letters(recount.rejected, published.dead_letters(), limits.intact),
        *compare_history(counted.history_prompts, published.history_prompts(), lines, history),
    ]
    return VerifyReport(
        files=recount.files,
        sessions=len(counted.named_sessions),
        tool_calls=counted.tool_calls.total(),
        responses=len(counted.responses),
        days=len({response.day for response in counted.responses}),
        differences=tuple(differences),
        only_in_database=dict(history),
        not_yet_collected=limits.not_yet_collected,
    )


def _read(recount: Recount, name: str, path: Path, limit: int | None) -> None:
    try:
        recount.read(name, path, limit)
    except OSError as error:
        raise VerifyError(
            f"{path}: expected a transcript as the collector read it, found: {error.strerror}; make it readable"
        ) from None


def _placed(counted: Recounted, zone: ZoneInfo) -> Recounted:
    """Assign responses to local days, and lines without a session to the bare names of their files."""
    sessions: dict[str, Session] = {}
    for name, session in sorted(counted.sessions.items(), key=lambda item: not item[1].is_named):
        known = sessions.setdefault(place(name), session)
        if known is not session:
            known.messages += session.messages
            known.prompts += session.prompts
    return Recounted(
        [
            response._replace(session=place(response.session), day=_day(response, zone))
            for response in counted.responses
        ],
        counted.terms,
        Counter((call._replace(session=place(call.session)), ending) for call, ending in counted.endings.elements()),
        Counter((place(session), event) for session, event in counted.git.elements()),
        counted.git_counts,
        sessions,
        counted.history_prompts,
    )


def _day(response: Response, zone: ZoneInfo) -> str:
    if response.at is None:
        return NO_DAY
    return instant(response.at).astimezone(zone).date().isoformat()


def _compare_dead_letters(ours: dict[bytes, str], theirs: dict[bytes, str], intact: set[str]) -> list[Difference]:
    """Return by how much the pieces of lines that cannot be parsed differ, those of files that are gone aside."""
    missing = sorted(name for identity, name in ours.items() if identity not in theirs)
    extra = sorted(name for identity, name in theirs.items() if identity not in ours and name in intact)
    if not missing and not extra:
        return []
    in_database = len(ours) - len(missing) + len(extra)
    return [Difference("dead letters", "", "", len(ours), in_database, f"of {(missing or extra)[0]}")]


def _compare_lines(recount: Recount, lines: Lines) -> list[Difference]:
    if not lines.missing and not lines.from_nowhere:
        return []
    file = next((line.file for line in recount.lines if line.id in lines.missing), "")
    example = f"a line of {file}" if lines.missing else f"{lines.from_nowhere[0]}, which is in no file"
    in_database = len(recount.ids) - len(lines.missing) + len(lines.from_nowhere)
    return [Difference("lines", "", "", len(recount.ids), in_database, example)]
