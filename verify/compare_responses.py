"""Compares responses: each with its session, time, model and tokens, and their sums by day and model."""

from collections import Counter, defaultdict

from verify.answers import Response
from verify.line_values import instant
from verify.published_figures import Lines
from verify.report import Difference

TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
MEASURES = ("responses", *TOKENS)

_FIELDS = ("session", "model", "day", "at", "tokens")

Sums = dict[tuple[str, str], Counter[str]]
"""By local day and model."""


def compare_responses(
    in_files: Counter[Response], in_database: Counter[Response], lines: Lines, history: Counter[str]
) -> list[Difference]:
    """Return the differences; those that only lost lines can explain are added to the history."""
    missing, extra = in_files - in_database, in_database - in_files
    excused = _grown(missing, extra, lines, history)
    lost = Counter({row: count for row, count in extra.items() if row.session in lines.losing | lines.sharing})
    for row, count in lost.items():
        history["responses"] += count
        history["tokens"] += count * sum(row.tokens)
    extra -= lost
    ours, theirs = _sums(in_files - excused), _sums((in_files - excused) - missing + extra)
    cells = [
        Difference(measure, *cell, ours[cell][measure], theirs[cell][measure])
        for cell in sorted(ours.keys() | theirs.keys())
        for measure in MEASURES
        if ours[cell][measure] != theirs[cell][measure]
    ]
    return cells + _changed(in_files.total(), missing, extra)


def _grown(
    missing: Counter[Response], extra: Counter[Response], lines: Lines, history: Counter[str]
) -> Counter[Response]:
    """Remove responses that lost lines may have moved or raised, but not lowered."""
    candidates: dict[str | None, list[Response]] = defaultdict(list)
    for row in extra.elements():
        if row.message is not None and row.session in lines.losing | lines.sharing:
            candidates[row.message].append(row)
    excused: Counter[Response] = Counter()
    for response in list(missing.elements()):
        rows = candidates[response.message]
        higher = next((row for row in rows if _holds(row, response)), None)
        if higher is not None:
            rows.remove(higher)
            excused[response] += 1
            extra[higher] -= 1
            history["responses_with_lost_lines"] += 1
    missing -= excused
    extra += Counter()  # removes zero counts
    return excused


def _holds(row: Response, response: Response) -> bool:
    return all(stored >= counted for stored, counted in zip(row.tokens, response.tokens, strict=True))


def _sums(responses: Counter[Response]) -> Sums:
    sums: Sums = defaultdict(Counter)
    for response, count in responses.items():
        tokens = (count * tokens for tokens in response.tokens)
        sums[response.day, response.model].update({"responses": count, **dict(zip(TOKENS, tokens, strict=True))})
    return sums


def _changed(total: int, missing: Counter[Response], extra: Counter[Response]) -> list[Difference]:
    """Return responses that are on both sides but differ, even if the sums of a day are equal."""
    stored: dict[str | None, list[Response]] = defaultdict(list)
    for row in extra.elements():
        stored[row.message].append(row)
    changed = [
        (response, stored[response.message].pop()) for response in missing.elements() if stored[response.message]
    ]
    if not changed:
        return []
    counted, found = min(changed, key=lambda pair: pair[0].message or "")
    field = next(name for name in _FIELDS if getattr(counted, name) != getattr(found, name))
    example = f"{counted.message or counted.model}: {field} {_shown(counted, field)}, not {_shown(found, field)}"
    return [Difference("single responses", "", "", total, total - len(changed), example)]


def _shown(response: Response, field: str) -> str:
    value = getattr(response, field)
    return instant(value).isoformat(" ", "milliseconds") if isinstance(value, int) else str(value)
