"""Years of an invented person's work with one model, day by day, with the noise of real histories and planted changes.

Sessions differ from one another far more than chance makes a day differ: each has its share of errors, thinking and the
like. There are few of them, fewer at weekends, on some days none; people differ in how many; every level wanders slowly
over the year.
"""

import math
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

FIRST = date(2025, 1, 1)
DAYS = 365
_LEVELS = ("thinking", "errors", "redone", "output", "cache")
Day = Counter[str]
Change = Callable[[Day], None]


def key(day: int) -> int:
    """Return the date key of a day of the year."""
    return int((FIRST + timedelta(day)).strftime("%Y%m%d"))


def year(random: Random, length: int = DAYS) -> dict[int, Day]:
    """Return the sums of each day of a year, or of its beginning, on which there was a session."""
    volume, levels = math.exp(random.gauss(0, 0.5)), dict.fromkeys(_LEVELS, 0.0)
    days: dict[int, Day] = {}
    for day in range(length):
        for name in _LEVELS:
            levels[name] += random.gauss(0, 0.01)
        weekend = day % 7 >= 5
        sessions = _poisson(random, volume * (0.8 if weekend else 4)) if random.random() > 0.1 else 0
        if sessions:
            days[day] = sum((_session(random, levels, weekend=weekend) for _ in range(sessions)), Counter())
    return days


def _session(random: Random, levels: dict[str, float], *, weekend: bool) -> Day:
    prompts = 1 + min(40, int(random.expovariate(1 / 5.5)))
    answers = prompts + _poisson(random, prompts * 6)
    calls = _poisson(random, answers * 0.9)
    spread = math.exp(0.5 * random.gauss(0, 1) + 0.15 * weekend + levels["output"])
    output = sum(2000 * spread * random.gammavariate(0.5, 2) for _ in range(prompts))
    tokens = answers * 60_000 * math.exp(0.5 * random.gauss(0, 1))
    written = tokens * min(0.9, 0.03 * math.exp(0.7 * random.gauss(0, 1) + levels["cache"]))
    return Counter(
        turn_count=prompts,
        redone_turn_count=_successes(random, prompts, -3.2 + 0.8 * random.gauss(0, 1) + levels["redone"]),
        response_count=answers,
        thinking_response_count=_successes(
            random, answers, -0.4 + 0.8 * random.gauss(0, 1) - 0.3 * weekend + levels["thinking"]
        ),
        attempt_count=calls,
        error_count=_successes(random, calls, -3 + 0.7 * random.gauss(0, 1) + 0.2 * weekend + levels["errors"]),
        visible_output_tokens=round(output) + 1,
        cache_read_tokens=round(tokens - written),
        cache_creation_tokens=round(written),
        cache_creation_1h_tokens=round(written * (1 - random.betavariate(0.6, 4))),
    )


def _poisson(random: Random, mean: float) -> int:
    if mean > 30:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count


def _successes(random: Random, tries: int, logit: float) -> int:
    chance = 1 / (1 + math.exp(-logit))
    if tries > 60:
        return min(tries, max(0, round(random.gauss(tries * chance, math.sqrt(tries * chance * (1 - chance))))))
    return sum(random.random() < chance for _ in range(tries))


def becomes(part: str, whole: str, share: float) -> Change:
    """Return a change after which `part` is this share of `whole`."""

    def change(day: Day) -> None:
        day[part] = round(share * day[whole])

    return change


def fewer_hits(share: float) -> Change:
    """Return a change after which the cache answers this share of the prompts."""

    def change(day: Day) -> None:
        tokens = day["cache_read_tokens"] + day["cache_creation_tokens"]
        day["cache_read_tokens"] = round(tokens * share)
        day["cache_creation_tokens"] = tokens - day["cache_read_tokens"]
        day["cache_creation_1h_tokens"] = day["cache_creation_tokens"] * 9 // 10

    return change


def plant(days: dict[int, Day], change: Change, since: int, *, lasting: bool) -> tuple[int, int]:
    """Change the first day from `since` on with enough prompts, and all after it if the change lasts.

    Returns that day and the next one with enough prompts.
    """
    first, second = [day for day, sums in days.items() if day >= since and sums["turn_count"] >= 10][:2]
    for day, sums in days.items():
        if day == first or (lasting and day > first):
            change(sums)
    return first, second


def rows(model: str, days: dict[int, Day]) -> list[dict[str, Any]]:
    """Return the days as rows of agg_drift_metrics."""
    return [
        {"date_key": key(day), "model": model, "version": "2.1.1", "priced_response_count": sums["response_count"]}
        | {"output_tokens": sums["visible_output_tokens"], "input_tokens": 0, "session_key": "s"}
        | dict.fromkeys(_COUNTS, 0)
        | dict(sums)
        for day, sums in days.items()
    ]


_COUNTS = (
    *("turn_count", "redone_turn_count", "response_count", "thinking_response_count", "attempt_count", "error_count"),
    *("visible_output_tokens", "cache_read_tokens", "cache_creation_tokens", "cache_creation_5m_tokens"),
    "cache_creation_1h_tokens",
)
