"""Which lines are one response, what it used and who owns it, as docs/counting.md says."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from verify.copies import Copies
from verify.line_facts import FOREVER, Answer, Line
from verify.terms import Advisor, Terms, Tokens, merged

AnswerKey = tuple[str | bytes | None, ...]
_LABEL = 3
"""Index in an AnswerKey where the label (request id, finished usage) starts."""
_MOST_STEPS = 64
"""Maximum depth of forks of forks, so that a cycle terminates."""
T = TypeVar("T")


class Response(NamedTuple):
    """One answer of a model."""

    session: str
    message: str | None
    at: int | None
    model: str
    tokens: Tokens
    day: str = ""
    """The local day, once a timezone says which."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A line with what it says of an answer."""

    line: Line
    answer: Answer


def answers_of(lines: list[Line], copies: Copies) -> dict[bytes, AnswerKey]:
    """Return the answer that each assistant line belongs to, by the line's id."""
    by_id: dict[tuple[str, str], list[Spoken]] = defaultdict(list)
    keys: dict[bytes, AnswerKey] = {}
    for line in lines:
        if line.answer is None:
            continue
        if line.answer.message is None:
            keys[line.id] = ("line", copies.originals.get(line.id, line).id)
        else:
            by_id[line.session, line.answer.message].append(Spoken(line, line.answer))
    for (session, message), spoken in by_id.items():
        spoken.sort(key=lambda part: part.line.order)
        own = [part for part in spoken if _original(part.line, copies) is None]
        for part, label in zip(own, _labels(own), strict=True):
            keys[part.line.id] = ("message", session, message, *label)
    return _with_copies(by_id.values(), keys, copies)


def _original(line: Line, copies: Copies) -> Line | None:
    """Return the line of an answer that a line copies."""
    original = copies.originals.get(line.id)
    return original if original is not None and original.answer is not None else None


def _labels(own: list[Spoken]) -> list[AnswerKey]:
    """Tell the answers of one message id apart: by request, and within it by what the finished lines report."""
    requests = _filled([part.answer.request for part in own])
    labels: dict[int, AnswerKey] = {}
    for request in set(requests):
        places = [place for place, known in enumerate(requests) if known == request]
        finished = _filled([_finished(own[place].answer) for place in places][::-1])[::-1]
        labels |= {place: (request, _shown(usage)) for place, usage in zip(places, finished, strict=True)}
    return [labels[place] for place in range(len(own))]


def _shown(usage: tuple[int | None, ...] | None) -> str | None:
    return None if usage is None else repr(usage)


def _filled(values: list[T | None]) -> list[T | None]:
    """Fill gaps with the value before, those at the beginning with the first there is."""
    filled: list[T | None] = []
    last = next((value for value in values if value is not None), None)
    for value in values:
        last = last if value is None else value
        filled.append(last)
    return filled


def _finished(answer: Answer) -> tuple[int | None, ...] | None:
    return answer.reported if answer.is_finished and answer.reported[0] is not None else None


def _with_copies(by_id: Iterable[list[Spoken]], keys: dict[bytes, AnswerKey], copies: Copies) -> dict[bytes, AnswerKey]:
    """Assign each copy the answer of its original, and each continuing line the answer that it continues."""
    continued = {line: original for spoken in by_id for line, original in _continuations(spoken, keys, copies)}
    complete = {line_id: keys[_followed(line_id, continued)] for line_id in keys}
    originals = ((line_id, original.id) for line_id, original in copies.originals.items())
    return complete | {line_id: complete[original] for line_id, original in originals if original in keys}


def _continuations(spoken: list[Spoken], keys: dict[bytes, AnswerKey], copies: Copies) -> Iterator[tuple[bytes, bytes]]:
    """Yield the lines that only a copying session holds, each with the line of another session that it continues."""
    copied = [(part.line, original) for part in spoken if (original := _original(part.line, copies))]
    foreign = [(line, original) for line, original in copied if line.session != original.session]
    for line in (part.line for part in spoken if foreign and _original(part.line, copies) is None):
        label = keys[line.id][_LABEL:]
        candidates = [(copy, original) for copy, original in foreign if _agree(label, keys[original.id][_LABEL:])]
        if candidates:
            yield line.id, min(candidates, key=lambda pair: (_between(pair[0], line), pair[0].order))[1].id


def _between(line: Line, other: Line) -> int:
    """Return the time between two lines; FOREVER if either line has no time."""
    return FOREVER if line.at is None or other.at is None else abs(line.at - other.at)


def _followed(line_id: bytes, continued: dict[bytes, bytes]) -> bytes:
    """Return the line whose answer a line belongs to; the continued line may itself continue another."""
    for _ in range(_MOST_STEPS):
        if line_id not in continued:
            break
        line_id = continued[line_id]
    return line_id


def _agree(label: AnswerKey, other: AnswerKey) -> bool:
    """Whether neither request ids nor finished usage tell two answers apart."""
    return all(known is None or told is None or known == told for known, told in zip(label, other, strict=False))


def first_of(lines: list[Line], copies: Copies) -> Line:
    """Return the line that decides where several are one answer or one call."""
    return min(lines, key=lambda line: (copies.is_copy(line), line.is_replay, line.is_aside, *line.order))


def responses_of(
    lines: list[Line], keys: dict[bytes, AnswerKey], copies: Copies, searches: dict[AnswerKey, int]
) -> Iterator[tuple[Response, Terms]]:
    """Yield every response once with its terms, the models that were asked within it behind it.

    `searches` are the web searches that results report of an answer.
    """
    grouped: dict[AnswerKey, list[Line]] = defaultdict(list)
    for line in lines:
        if line.answer is not None and line.answer.is_billed:
            grouped[keys[line.id]].append(line)
    for key, group in grouped.items():
        first = first_of(group, copies)
        response, terms = _merged(first, group)
        yield response, terms if terms.searches else terms._replace(searches=searches.get(key, 0))
        for asked in _advisors(group):
            there = terms._replace(hour=asked.hour, searches=0, is_fast=asked.is_fast)
            yield response._replace(model=asked.model, tokens=asked.tokens), there


def _merged(first: Line, group: list[Line]) -> tuple[Response, Terms]:
    """Put the lines of one answer together."""
    answers = [line.answer for line in group if line.answer is not None]
    here = [line.at for line in group if line.at is not None and line.session == first.session]
    at = min(here or [line.at for line in group if line.at is not None], default=None)
    counting = [answer for answer in answers if answer.is_finished] or answers
    asked, said, read, cached = (max(counts) for counts in zip(*(answer.tokens for answer in counting), strict=True))
    named = [first.answer.message] if first.answer else []
    message = next((name for name in [*named, *sorted(answer.message or "" for answer in answers)] if name), None)
    model = first.answer.model if first.answer else ""
    terms = merged([answer.terms for answer in answers], [answer.terms for answer in counting])
    return Response(first.session, message, at, model, (asked, said, read, cached)), terms


def _advisors(group: list[Line]) -> tuple[Advisor, ...]:
    """Return the advisors of the line that reports the most iterations, preferring finished lines."""
    listing = [(line, line.answer) for line in group if line.answer is not None and line.answer.iterations]
    if not listing:
        return ()
    return max(listing, key=lambda pair: (pair[1].is_finished, pair[1].iterations, pair[0].order))[1].advisors
