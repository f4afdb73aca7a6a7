"""One line as the count needs it: ids, times, figures, and digests in place of texts: a million must fit in memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from sys import intern

from verify.endings import Call, Result, calls_of, results_of
from verify.files import Found, Json
from verify.line_values import flag, moment, part, text
from verify.terms import Advisor, Terms, Tokens, advisors_of, reported_of, terms_of, tokens_of
from verify.turns import Block, attached_text, blocks_of, is_prompt, queued_text, typed

MESSAGES = ("user", "assistant")
_ERROR = "isApiErrorMessage"
FOREVER = 2**63
"""Sorts behind every time there is."""


@dataclass(slots=True)
class Answer:
    """What an assistant line says of the answer that it is a part of."""

    message: str | None
    request: str | None
    model: str
    is_finished: bool
    is_billed: bool
    reported: tuple[int | None, ...]
    """The four counts as the line gives them."""
    tokens: Tokens
    terms: Terms
    advisors: tuple[Advisor, ...]
    iterations: int


@dataclass(slots=True)
class Line:
    """A line of a transcript. Sessions, files and models are shared texts, everything long is a digest."""

    id: bytes
    session: str
    names_session: bool
    file: str
    at: int | None
    offset: int
    key: bytes
    """What copies share: the line's uuid or, without one, its id."""
    forked_from: bytes | None
    parent: str | None
    kind: str | None
    agent: str | None
    is_replay: bool
    is_aside: bool
    """Said by a sub-agent."""
    can_repeat: bool
    is_message: bool
    is_prompt: bool
    spoken: bytes | None
    length: int
    calls: tuple[Call, ...]
    results: tuple[Result, ...]
    texts: tuple[bytes, ...]
    """Digests of the texts of a user message."""
    answer: Answer | None

    @property
    def order(self) -> tuple[int, int, bytes]:
        """Sorts lines by time, place and id."""
        return (FOREVER if self.at is None else self.at, self.offset, self.id)


def digest(*parts: str | None) -> bytes:
    """Return the digest of some texts."""
    joined = "".join("-" if part is None else f"{len(part)}:{part}" for part in parts)
    return blake2b(joined.encode("utf-8", "replace"), digest_size=12).digest()


def read_line(found: Found, line_id: bytes, source_file: str) -> Line:
    """Return the facts of a line, whatever its content."""
    outer = found.value or {}
    wrapped = part(outer, "data").get("message") if outer.get("type") == "progress" else None
    inner: Json = wrapped if isinstance(wrapped, dict) else outer
    is_replay = inner is not outer
    kind = text(inner.get("type"))
    if not is_replay and kind not in MESSAGES:
        kind = None
    session, uuid, forked = text(outer.get("sessionId")), text(inner.get("uuid")), part(outer, "forkedFrom")
    source, agent = text(forked.get("messageUuid")), _agent(outer)
    blocks = _blocks(outer, inner)
    is_attached = not is_replay and outer.get("type") == "attachment" and any(block.says_something for block in blocks)
    is_user = kind == "user" or is_attached
    is_aside = is_replay or flag(outer.get("isSidechain"))
    at = moment(inner.get("timestamp"))
    return Line(
        id=line_id,
        session=intern(session or source_file),
        names_session=session is not None,
        file=source_file,
        at=moment(outer.get("timestamp")) if at is None else at,
        offset=found.offset,
        key=digest(uuid) if uuid else line_id,
        forked_from=digest(source) if source and source != uuid and not is_replay else None,
        parent=_interned(text(forked.get("sessionId"))),
        kind=_interned(kind),
        agent=_interned(agent),
        is_replay=is_replay,
        is_aside=is_aside,
        can_repeat=uuid is not None or kind is not None,
        is_message=kind is not None or is_attached,
        is_prompt=is_user and is_prompt(outer, inner, blocks),
        spoken=_spoken(kind, part(inner, "message"), blocks) if kind in MESSAGES else None,
        length=sum(len((block.text or "").encode()) + block.output for block in blocks),
        calls=calls_of(blocks),
        results=results_of(blocks, outer, inner),
        texts=_texts(blocks) if is_user else (),
        answer=_answer(outer, inner) if kind == "assistant" else None,
    )


def user_texts(value: Json) -> list[str]:
    """Return the texts of what a person said in a line, in the queue as well; none where a sub-agent said it."""
    wrapped = part(value, "data").get("message") if value.get("type") == "progress" else None
    if isinstance(wrapped, dict) or flag(value.get("isSidechain")):
        return []
    kind, is_put = text(value.get("type")), value.get("operation") == "enqueue"
    if kind in {"user", "attachment"} or (kind == "queue-operation" and is_put):
        return [block.text for block in _blocks(value, value) if block.kind == "text" and block.text is not None]
    return []


def _interned(name: str | None) -> str | None:
    return None if name is None else intern(name)


def _agent(outer: Json) -> str | None:
    named = outer.get("agentId")
    if named is None and outer.get("type") == "progress":
        named = part(outer, "data").get("agentId")
    return text(named)


def _blocks(outer: Json, inner: Json) -> list[Block]:
    blocks = blocks_of(inner.get("message"))
    if blocks or inner is not outer:
        return blocks
    said = {"attachment": attached_text, "queue-operation": queued_text}.get(str(outer.get("type")))
    prompt = said(outer) if said else None
    return [] if prompt is None else [Block("text", prompt)]


def _spoken(kind: str | None, message: Json, blocks: Iterable[Block]) -> bytes | None:
    """Return the digest of what a message says; None for an answer without id, which never equals another."""
    message_id = text(message.get("id"))
    if kind == "assistant":
        if message_id is None:
            return None
        said = [(block.kind, block.tool_id, block.text) for block in blocks]
    else:
        typed_blocks = ((block.kind, block.tool_id, typed(block.text or "")) for block in blocks)
        said = [block for block in typed_blocks if block[1] or block[2]]
    return digest(kind, message_id, *(name for block in said for name in block))


def _texts(blocks: Iterable[Block]) -> tuple[bytes, ...]:
    return tuple({digest(typed(block.text)) for block in blocks if block.kind == "text" and block.text})


def _answer(outer: Json, inner: Json) -> Answer:
    message = part(inner, "message")
    usage, model = message.get("usage"), text(message.get("model"))
    is_error = flag(next((mark for mark in (inner.get(_ERROR), outer.get(_ERROR)) if mark is not None), None))
    listed = usage.get("iterations") if isinstance(usage, dict) else None
    iterations = listed[:100] if isinstance(listed, list) else []
    return Answer(
        message=text(message.get("id")),
        request=text(inner.get("requestId")),
        model=intern(model or "unknown"),
        is_finished=text(message.get("stop_reason")) is not None,
        is_billed=isinstance(usage, dict) and model != "<synthetic>" and not is_error,
        reported=reported_of(usage),
        tokens=tokens_of(usage),
        terms=terms_of(usage, model),
        advisors=advisors_of(iterations),
        iterations=len(iterations),
    )
