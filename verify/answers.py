"""Which lines are one response, what it used and who owns it; and tool calls: as docs/counting.md says."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from verify.copies import Copies
from verify.lines import Answer, Line, Tokens

AnswerKey = tuple[str | bytes | None, ...]
_LABEL = 3
"""Where in a key of an answer its request id and finished usage stand."""
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


class ToolCall(NamedTuple):
    """One call of a tool."""

    session: str
    tool_id: str


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
            keys[line.id] = ("line", line.id)
        else:
            by_id[line.session, line.answer.message].append(Spoken(line, line.answer))
    for (session, message), spoken in by_id.items():
        own = sorted((each for each in spoken if not copies.is_copy(each.line)), key=lambda each: each.line.order)
        for each, label in zip(own, _labels(own), strict=True):
            keys[each.line.id] = ("message", session, message, *label)
    return _with_copies(by_id, keys, copies)


def _labels(own: list[Spoken]) -> list[AnswerKey]:
    """Tell the answers of one message id apart: by request, and within it by what the finished lines report."""
    requests = _filled([each.answer.request for each in own])
    labels: dict[int, AnswerKey] = {}
    for request in set(requests):
        places = [place for place, each in enumerate(requests) if each == request]
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


def _with_copies(
    by_id: dict[tuple[str, str], list[Spoken]], keys: dict[bytes, AnswerKey], copies: Copies
) -> dict[bytes, AnswerKey]:
    """Give copies the answer of the version that counts, and lines that go on with it the same."""
    complete = dict(keys)
    for line_id, original in copies.originals.items():
        if original.id in keys:
            complete[line_id] = keys[original.id]
    for spoken in by_id.values():
        copied = [each for each in spoken if _is_foreign(each.line, copies) and each.line.id in complete]
        for each in spoken if copied else ():
            if not copies.is_copy(each.line) and (near := _nearest(each, copied, complete)):
                complete[each.line.id] = complete[near.line.id]
    return complete


def _is_foreign(line: Line, copies: Copies) -> bool:
    return copies.is_copy(line) and copies.originals[line.id].session != line.session


def _nearest(own: Spoken, copied: list[Spoken], keys: dict[bytes, AnswerKey]) -> Spoken | None:
    """Return the copied line that a line goes on with: the nearest in time of those that can be the same answer."""
    label = keys[own.line.id][_LABEL:]
    able = [each for each in copied if _agree(label, keys[each.line.id][_LABEL:])]
    return min(able, key=lambda each: abs((each.line.at or 0) - (own.line.at or 0)), default=None)


def _agree(label: AnswerKey, other: AnswerKey) -> bool:
    """Whether neither request ids nor finished usage tell two answers apart."""
    return all(one is None or two is None or one == two for one, two in zip(label, other, strict=False))


def _first(lines: list[Line], copies: Copies) -> Line:
    return min(lines, key=lambda line: (copies.is_copy(line), line.is_replay, line.is_aside, *line.order))


def responses_of(lines: list[Line], keys: dict[bytes, AnswerKey], copies: Copies) -> Iterator[Response]:
    """Yield every response once, with the models that were asked within it behind it."""
    grouped: dict[AnswerKey, list[Line]] = defaultdict(list)
    for line in lines:
        if line.answer is not None and line.answer.is_billed:
            grouped[keys[line.id]].append(line)
    for group in grouped.values():
        first = _first(group, copies)
        answers = [line.answer for line in group if line.answer is not None]
        here = [line.at for line in group if line.at is not None and line.session == first.session]
        at = min(here or [line.at for line in group if line.at is not None], default=None)
        counting = [answer for answer in answers if answer.is_finished] or answers
        asked, said, read, cached = (max(counts) for counts in zip(*(each.tokens for each in counting), strict=True))
        model = first.answer.model if first.answer else ""
        message = next((answer.message for answer in answers if answer.message), None)
        yield Response(first.session, message, at, model, (asked, said, read, cached))
        for advisor, tokens in max(answers, key=lambda answer: answer.iterations).advisors:
            yield Response(first.session, message, at, advisor, tokens)


def tool_calls_of(lines: list[Line], keys: dict[bytes, AnswerKey], copies: Copies) -> Iterator[ToolCall]:
    """Yield every tool call once: an id within an answer, or within a line that is no answer's."""
    grouped: dict[tuple[AnswerKey, str], list[Line]] = defaultdict(list)
    for line in lines:
        for tool_id in line.calls:
            grouped[keys.get(line.id, ("line", line.id)), tool_id].append(line)
    for (_, tool_id), group in grouped.items():
        yield ToolCall(_first(group, copies).session, tool_id)
