"""A line's tokens and costs: `message.usage`, and the totals of a cost-state line, every number checked."""

from typing import Any, NamedTuple

from loader.cut import JSON_LIMIT, NAME_LIMIT, cut_json, dumps, name_of, scalars_json
from loader.values import Checker

COUNTS = frozenset(
    {
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "ephemeral_5m_input_tokens",
        "ephemeral_1h_input_tokens",
        "web_search_requests",
        "web_fetch_requests",
    }
)
"""Names of whole numbers, wherever in a usage they are. Other numbers may have decimals."""
REPORTED_COUNTS = frozenset({"inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"})
MOST_ITERATIONS = 100
"""Attempts within one response; a longer list is a mistake, and would be summed for each of the line's rows."""
MOST_MODELS = 100


class UsageFields(NamedTuple):
    """Columns that `message.usage` gives."""

    usage: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_creation_tokens: int | None = None
    cache_creation_5m_tokens: int | None = None
    cache_creation_1h_tokens: int | None = None
    web_search_requests: int | None = None
    web_fetch_requests: int | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None


class ReportedFields(NamedTuple):
    """Columns that a cost-state line gives."""

    reported_cost_usd: float | None = None
    reported_model_usage: str | None = None


NO_USAGE, NOTHING_REPORTED = UsageFields(), ReportedFields()


def usage_fields(usage: Any, checker: Checker) -> UsageFields:
    """Return the columns of a usage, empty if it is not an object."""
    if not isinstance(usage, dict):
        return NO_USAGE
    checked = _checked_object(usage, "usage", checker)
    split = _object(checked.get("cache_creation"))
    server = _object(checked.get("server_tool_use"))
    return UsageFields(
        usage=_written(checked),
        input_tokens=checked.get("input_tokens"),
        output_tokens=checked.get("output_tokens"),
        cache_read_tokens=checked.get("cache_read_input_tokens"),
        cache_creation_tokens=checked.get("cache_creation_input_tokens"),
        cache_creation_5m_tokens=split.get("ephemeral_5m_input_tokens"),
        cache_creation_1h_tokens=split.get("ephemeral_1h_input_tokens"),
        web_search_requests=server.get("web_search_requests"),
        web_fetch_requests=server.get("web_fetch_requests"),
        service_tier=name_of(checked.get("service_tier")),
        speed=name_of(checked.get("speed")),
        inference_geo=name_of(checked.get("inference_geo")),
    )


def _written(checked: dict[str, Any]) -> str:
    text = dumps(checked)
    return text if len(text) <= JSON_LIMIT else scalars_json(checked, JSON_LIMIT)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _checked_object(found: dict[str, Any], path: str, checker: Checker) -> dict[str, Any]:
    """Return the object without unusable numbers; a null is kept, because it means "not recorded"."""
    checked = {}
    for key, value in found.items():
        if value is None or (type(value) is int and 0 <= value < 2**53):
            checked[key] = value
        elif (kept := _checked(key, value, path, checker)) is not None:
            checked[key] = kept
    return checked


def _checked(key: str, value: Any, path: str, checker: Checker) -> Any:
    if type(value) is str and len(value) <= NAME_LIMIT and key not in COUNTS:
        return value
    if key in COUNTS:
        return checker.count(f"{path}.{key}", value)
    return _checked_value(value, f"{path}.{key}", checker)


def _checked_value(value: Any, path: str, checker: Checker) -> Any:
    if isinstance(value, str):
        return value[:NAME_LIMIT]
    if isinstance(value, dict):
        return _checked_object(value, path, checker)
    if isinstance(value, list):
        return [_checked_value(inner, path, checker) for inner in value[:MOST_ITERATIONS]]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return checker.amount(path, value)
    return value


def reported_fields(line: dict[str, Any], checker: Checker) -> ReportedFields:
    """Return what a cost-state line reports of its session."""
    models = _object(line.get("modelUsage"))
    reported = {
        model[:200]: _reported(used, checker)
        for model, used in list(models.items())[:MOST_MODELS]
        if isinstance(used, dict)
    }
    return ReportedFields(
        reported_cost_usd=checker.money("totalCostUSD", line.get("totalCostUSD")),
        reported_model_usage=cut_json(reported).text if reported else None,
    )


def _reported(used: dict[str, Any], checker: Checker) -> dict[str, float | None]:
    numbers: dict[str, float | None] = {
        key: checker.count(f"modelUsage.{key}", used[key]) for key in REPORTED_COUNTS if key in used
    }
    if "costUSD" in used:
        numbers["costUSD"] = checker.money("modelUsage.costUSD", used["costUSD"])
    return {key: number for key, number in numbers.items() if number is not None}
