"""The text of the status line: this session, today, the running five-hour block, the context and the plan's limits.

Figures of today and of the block are those of the last publication, whose time is shown. What is not known is left out.
"""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cli.quick.text import plain
from dashboards.formats import show

_SEPARATOR = " | "
_WINDOWS = {"five_hour": "5h", "seven_day": "7d"}


def line(told: dict[str, Any], published: dict[str, Any] | None, limits: list[dict[str, Any]], now: float) -> str:
    """Return one line.

    Args:
        told: What Claude Code wrote to stdin.
        published: The content of statusline.json; None before the first publication.
        limits: The plan's limits among it.
        now: Seconds since 1970.
    """
    parts = [_model(told), _session(told), *_figures(published, now), _context(told)]
    parts += [_limit(limit, now) for limit in limits]
    return _SEPARATOR.join(part for part in parts if part)


def _at(told: Any, *names: str) -> Any:
    for name in names:
        told = told.get(name) if isinstance(told, dict) else None
    return told


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _model(told: dict[str, Any]) -> str:
    name = _at(told, "model", "display_name")
    return plain(name)[:40] if isinstance(name, str) else ""


def _session(told: dict[str, Any]) -> str:
    cost = _number(_at(told, "cost", "total_cost_usd"))
    return "" if cost is None else f"session {show(cost, 'usd')}"


def _context(told: dict[str, Any]) -> str:
    used = _number(_at(told, "context_window", "used_percentage"))
    return "" if used is None else f"context {show(used / 100, 'percent')}"


def _limit(limit: dict[str, Any], now: float) -> str:
    used, resets_at = limit["used_percentage"] / 100, _number(limit["resets_at"])
    name = _WINDOWS.get(limit["window"], limit["window"].replace("_", " "))
    left = f", resets in {duration(resets_at - now)}" if resets_at and resets_at > now else ""
    return f"{name} {show(used, 'percent')}{left}"


def _figures(published: dict[str, Any] | None, now: float) -> list[str]:
    if published is None:
        return ["no figures yet: ./analytics run"]
    return [_today(published, now), _block(published["block"], now), _budget(published, now)]


def _today(published: dict[str, Any], now: float) -> str:
    zone, age = ZoneInfo(published["timezone"]), duration(now - published["published_at"])
    today, built = (
        datetime.fromtimestamp(moment, UTC).astimezone(zone).date() for moment in (now, published["published_at"])
    )
    if built < today:
        return f"today not counted yet (last run {age} ago)"
    day = published["days"].get(str(today), {"tokens": 0, "cost_usd": 0})
    return f"today {show(day['cost_usd'], 'usd')}, {show(day['tokens'], 'tokens')} tokens ({age} ago)"


def _block(block: dict[str, Any] | None, now: float) -> str:
    if block is None or not block["started_at"] <= now < block["ends_at"]:
        return ""
    cost, hours = block["cost_usd"], (block["last_at"] - block["first_at"]) / 3600
    rate = f" at {show(cost / hours, 'usd')}/h" if cost is not None and hours > 0 else ""
    return f"block {show(cost, 'usd')}{rate}, {duration(block['ends_at'] - now)} left"


def _budget(published: dict[str, Any], now: float) -> str:
    """Return the budget that is used most, while its period runs."""
    budget = published.get("budget")
    today = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(published["timezone"])).date()
    if budget is None or budget["until"] < str(today):
        return ""
    return f"budget {plain(budget['name'])[:30]} {show(budget['used_share'], 'percent')}"


def duration(seconds: float) -> str:
    """Return a time in words, to the minute."""
    minutes = max(int(seconds // 60), 0)
    if minutes < 60:
        return f"{minutes} min"
    return show(minutes * 60_000, "duration")
