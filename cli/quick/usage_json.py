"""Usage as JSON and CSV, with the keys of ccusage where they mean the same.

A figure that is not known is null, and not 0: a cost whose model has no price, a day that a response does not name.
"""

import csv
import json
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cli.quick.usage import Usage

TOKEN_KEYS = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")


def measures(usage: Usage) -> dict[str, Any]:
    """Return the four kinds of tokens, their sum and the cost."""
    shown: dict[str, Any] = dict(zip(TOKEN_KEYS, usage.tokens, strict=True))
    shown |= {"totalTokens": usage.total_tokens, "totalCost": usage.cost_usd}
    return shown | (
        {"unpricedResponses": usage.unpriced, "unpricedModels": usage.unpriced_models} if usage.unpriced else {}
    )


def with_models(usage: Usage) -> dict[str, Any]:
    """Return the measures, and those of each model."""
    breakdowns = [
        {"modelName": model.key, **dict(zip(TOKEN_KEYS, model.tokens, strict=True)), "cost": model.cost_usd}
        for model in usage.models
    ]
    names = sorted(model.key or "" for model in usage.models)
    return measures(usage) | {"modelsUsed": names, "modelBreakdowns": breakdowns}


def moment(value: datetime | None) -> str | None:
    """Return a moment as ccusage writes it: UTC, with milliseconds."""
    from datetime import UTC

    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z" if value else None


def print_json(value: Any) -> None:
    """Print one JSON document."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def print_csv(rows: Iterable[dict[str, Any]], fields: list[str]) -> None:
    """Print CSV with these columns; lists are joined by blanks, what is not known is empty."""
    writer = csv.writer(sys.stdout)
    writer.writerow(fields)
    for row in rows:
        writer.writerow([" ".join(value) if isinstance(value := row.get(name), list) else value for name in fields])
