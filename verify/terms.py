"""What `message.usage` says: the tokens, and on which terms they are paid, as docs/counting.md says."""

from sys import intern
from typing import Any, NamedTuple

from verify.files import Json
from verify.line_values import count, part, text
from verify.price_list import is_fast_id

Tokens = tuple[int, int, int, int]
"""Input, output, cache reads, cache writes."""

_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_HOUR = "ephemeral_1h_input_tokens"
_LIFETIMES = ("ephemeral_5m_input_tokens", _HOUR)


class Terms(NamedTuple):
    """What a price depends on beside the model and its tokens."""

    hour: int = 0
    """Tokens written to the cache for an hour."""
    searches: int = 0
    is_fast: bool = False
    is_us: bool = False
    tier: str | None = None


class Advisor(NamedTuple):
    """A model that was asked within an answer."""

    model: str
    tokens: Tokens
    hour: int
    is_fast: bool


def reported_of(usage: Any) -> tuple[int | None, ...]:
    """Return the four counts as a line gives them."""
    return tuple(count(usage.get(name)) for name in _COUNTS) if isinstance(usage, dict) else (None,) * len(_COUNTS)


def tokens_of(usage: Any) -> Tokens:
    """Return the four counts; of cache writes the greater of the sum and its split."""
    asked, said, read, cached = (count or 0 for count in reported_of(usage))
    split = part(usage, "cache_creation") if isinstance(usage, dict) else {}
    return asked, said, read, max(cached, sum(count(split.get(name)) or 0 for name in _LIFETIMES))


def terms_of(usage: Any, model: str | None) -> Terms:
    """Return the terms that a line names."""
    said = usage if isinstance(usage, dict) else {}
    return Terms(
        hour=count(part(said, "cache_creation").get(_HOUR)) or 0,
        searches=count(part(said, "server_tool_use").get("web_search_requests")) or 0,
        is_fast=text(said.get("speed")) == "fast" or is_fast_id(model or ""),
        is_us=text(said.get("inference_geo")) == "us",
        tier=text(said.get("service_tier")),
    )


def advisors_of(iterations: list[Any]) -> tuple[Advisor, ...]:
    """Return the models that were asked within an answer."""
    return tuple(
        _advisor(iteration)
        for iteration in iterations
        if isinstance(iteration, dict) and iteration.get("type") == "advisor_message"
    )


def _advisor(iteration: Json) -> Advisor:
    model = text(iteration.get("model")) or "unknown"
    return Advisor(intern(model), tokens_of(iteration), terms_of(iteration, None).hour, is_fast_id(model))


def merged(all_lines: list[Terms], counting: list[Terms]) -> Terms:
    """Return the terms of an answer: counts of the lines that count, and what any line says of the rest."""
    tiers = {line.tier for line in all_lines if line.tier is not None}
    return Terms(
        hour=max(line.hour for line in counting),
        searches=max(line.searches for line in counting),
        is_fast=any(line.is_fast for line in all_lines),
        is_us=any(line.is_us for line in all_lines),
        tier="batch" if tiers == {"batch"} else None,
    )
