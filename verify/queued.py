"""Prompts that only the queue tells of: what was typed while Claude worked and taken in the middle of its turn."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from verify.files import Json
from verify.line_facts import FOREVER, Line, digest
from verify.turns import Block, is_prompt, is_sent, queued_text, typed


@dataclass(slots=True)
class _Operation:
    line: Line
    name: object
    said: bytes | None
    is_prompt: bool
    can_be_message: bool


@dataclass(slots=True)
class Queue:
    """The operations of every session's queue."""

    _operations: dict[str, list[_Operation]] = field(default_factory=lambda: defaultdict(list))

    def add(self, line: Line, value: Json) -> None:
        """Take a line of type queue-operation."""
        written = queued_text(value)
        said = typed(written or "")
        blocks = [Block("text", written)]
        self._operations[line.session].append(
            _Operation(
                line=line,
                name=value.get("operation"),
                said=None if written is None else digest(said),
                is_prompt=is_prompt(value, value, blocks),
                can_be_message=bool(said) and not is_sent(said),
            )
        )

    def prompts(self, lines: list[Line]) -> list[tuple[Line, bool]]:
        """Return the entries that no other line repeats, each with whether a person typed it."""
        visible = _visible(lines, set(self._operations))
        found = []
        for session, operations in self._operations.items():
            repetitions: Counter[bytes | None] = Counter()
            for entry in _taken(sorted(operations, key=lambda operation: operation.line.order)):
                if not entry.can_be_message:
                    continue
                repetitions[entry.said] += 1
                since = FOREVER if entry.line.at is None else entry.line.at
                seen = sum(at >= since for at in visible.get((session, entry.said), ()))
                if repetitions[entry.said] > seen:
                    found.append((entry.line, entry.is_prompt))
        return found


def _visible(lines: list[Line], sessions: set[str]) -> dict[tuple[str, bytes | None], list[int]]:
    """Return when each text appears in a user message, for the sessions that have a queue."""
    visible: dict[tuple[str, bytes | None], list[int]] = defaultdict(list)
    for line in lines:
        if line.session in sessions and line.at is not None:
            for said in line.texts:
                visible[line.session, said].append(line.at)
    return visible


def _taken(operations: list[_Operation]) -> list[_Operation]:
    """Return the entries that Claude took in the middle of a turn, in the order in which they were put in."""
    waiting: list[_Operation] = []
    taken: set[bytes] = set()
    for operation in operations:
        if operation.name == "enqueue":
            waiting.append(operation)
        elif operation.name == "popAll":
            waiting.clear()
        elif waiting:
            named = (
                candidate for candidate in waiting if operation.said is not None and candidate.said == operation.said
            )
            entry = next(named, waiting[0])
            waiting.remove(entry)
            taken |= {entry.line.id} if operation.name == "remove" else set()
    return [operation for operation in operations if operation.line.id in taken]
