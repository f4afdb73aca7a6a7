"""Makes `dbt/seeds/model_prices.csv` from genai-prices' Anthropic data and the overrides beside this file.

The same data gives the same bytes, so a price change is a diff that a person reviews. USD per million tokens; a
row holds for UTC days from `valid_from` up to, without, `valid_to`; an empty bound is open.
"""

import csv
import io
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from genai_prices import types
from genai_prices.data import providers

from common.errors import AnalyticsError

SEED = Path(__file__).parent.parent / "dbt" / "seeds" / "model_prices.csv"
OVERRIDES = Path(__file__).with_name("price_overrides.toml")

_RATES = {
    "input_usd": "input_mtok",
    "output_usd": "output_mtok",
    "cache_read_usd": "cache_read_mtok",
    "cache_write_5m_usd": "cache_write_mtok",
    "cache_write_1h_usd": "cache_write_1h_mtok",
}
COLUMNS = (
    "model_id",
    "model_pattern",
    "valid_from",
    "valid_to",
    *_RATES,
    "web_search_usd_per_1000",
    "tier_above_tokens",
    *(f"tier_{name}" for name in _RATES),
    "fast_multiplier",
    "us_multiplier",
    "batch_multiplier",
    "source",
)

Row = dict[str, str]


class PriceDataError(AnalyticsError):
    """genai-prices or the overrides hold something this generator cannot express; the message says what."""


@dataclass(frozen=True)
class PriceUpdate:
    """What an update changed in the seed, as its CSV lines."""

    path: Path
    rows: int
    added: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """True when the file differs from what it was."""
        return bool(self.added or self.removed)


def update_prices(path: Path = SEED, overrides: Path = OVERRIDES) -> PriceUpdate:
    """Write the seed again and say which of its lines came and went."""
    rows = price_rows(overrides)
    text = to_csv(rows)
    before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    after = text.splitlines()
    path.write_text(text, encoding="utf-8", newline="")
    added, removed = set(after) - set(before), set(before) - set(after)
    return PriceUpdate(path, len(rows), tuple(sorted(added)), tuple(sorted(removed)))


def price_rows(overrides: Path = OVERRIDES) -> list[Row]:
    """Every price row, sorted by model and day."""
    anthropic = next(provider for provider in providers if provider.id == "anthropic")
    rows = [row for model in anthropic.models for row in _model_rows(model)]
    ours = tomllib.loads(overrides.read_text(encoding="utf-8"))
    rows += _added_models(ours.get("model", []), {row["model_id"] for row in rows})
    for adjustment in ours["adjustment"]:
        rows = [adjusted for row in rows for adjusted in _adjust(row, adjustment)]
    return sorted(rows, key=lambda row: (row["model_id"], row["valid_from"]))


def to_csv(rows: Iterable[Row]) -> str:
    """The rows as the seed's text."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def model_pattern(clause: Any) -> str:
    """A match clause of genai-prices as one regular expression that RE2 and Python read alike."""
    match clause:
        case types.ClauseOr():
            return "|".join(model_pattern(part) for part in clause.or_)
        case types.ClauseEquals():
            return f"^{_literal(clause.equals)}$"
        case types.ClauseStartsWith():
            return f"^{_literal(clause.starts_with)}"
        case types.ClauseContains():
            return _literal(clause.contains)
        case types.ClauseRegex():
            return clause.regex
    raise PriceDataError(f"expected a match clause of equals, starts_with, contains or regex, found {clause!r}")


def _literal(text: str) -> str:
    return re.escape(text.lower()).replace("\\-", "-")


def _model_rows(model: types.ModelInfo) -> list[Row]:
    periods = _periods(model.prices)
    starts = [start for start, _ in periods]
    return [
        dict.fromkeys(COLUMNS, "")
        | {"model_id": model.id, "model_pattern": model_pattern(model.match), "source": "genai-prices"}
        | {"valid_from": start, "valid_to": end}
        | _rates(model.id, prices)
        | {"fast_multiplier": _fast_multiplier(model, prices)}
        for (start, prices), end in zip(periods, [*starts[1:], ""], strict=True)
    ]


def _periods(prices: types.ModelPrice | list[types.ConditionalPrice]) -> list[tuple[str, types.ModelPrice]]:
    if isinstance(prices, types.ModelPrice):
        return [("", prices)]
    return sorted(((_start(price.constraint), price.prices) for price in prices), key=lambda period: period[0])


def _start(constraint: Any) -> str:
    if constraint is None:
        return ""
    if isinstance(constraint, types.StartDateConstraint):
        return constraint.start_date.isoformat()
    raise PriceDataError(f"expected prices that change by date, found {constraint!r}; extend cli/prices.py")


def _rates(model_id: str, prices: types.ModelPrice) -> Row:
    row: Row = {"web_search_usd_per_1000": _number(prices.web_searches_kcount)}
    thresholds = set()
    for column, name in _RATES.items():
        price = getattr(prices, name)
        if isinstance(price, types.TieredPrices):
            tier = _only_tier(model_id, price)
            row |= {column: _number(price.base), f"tier_{column}": _number(tier.price)}
            thresholds.add(tier.start)
        else:
            row[column] = _number(price)
    if len(thresholds) > 1:
        raise PriceDataError(f"{model_id}: expected one tier threshold for all rates, found {sorted(thresholds)}")
    return row | {"tier_above_tokens": "".join(map(str, thresholds))}


def _only_tier(model_id: str, price: types.TieredPrices) -> types.Tier:
    if len(price.tiers) != 1:
        raise PriceDataError(f"{model_id}: expected one price tier, found {len(price.tiers)}")
    return price.tiers[0]


def _fast_multiplier(model: types.ModelInfo, standard: types.ModelPrice) -> str:
    variants = [variant.prices for variant in model.price_variants or [] if variant.when == {"speed": "fast"}]
    factors = {
        _base(getattr(fast, name)) / _base(getattr(standard, name))
        for fast in variants
        for name in _RATES.values()
        if getattr(fast, name) is not None
    }
    if len(factors) > 1:
        raise PriceDataError(f"{model.id}: expected fast mode at one multiple of all rates, found {sorted(factors)}")
    return "".join(_number(factor) for factor in factors)


def _base(price: Decimal | types.TieredPrices) -> Decimal:
    return price.base if isinstance(price, types.TieredPrices) else price


def _number(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    raise PriceDataError(f"expected a plain price, found {value!r}")


def _added_models(models: list[dict[str, Any]], known: set[str]) -> list[Row]:
    """The rows of models that genai-prices lacks, matched by their id with or without a date behind it."""
    if again := sorted(known & {model["id"] for model in models}):
        raise PriceDataError(f"price overrides: genai-prices knows {again} now; remove these models from the overrides")
    for model in models:
        _refuse_unknown_columns(model["set"])
    return [
        dict.fromkeys(COLUMNS, "")
        | {"model_id": model["id"], "source": model["source"]}
        | {"model_pattern": rf"^{_literal(model['id'])}(-\d{{8}})?$"}
        | model["set"]
        for model in models
    ]


def _refuse_unknown_columns(values: dict[str, str]) -> None:
    if unknown := set(values) - set(COLUMNS):
        raise PriceDataError(f"price overrides: expected columns of the seed, found {sorted(unknown)}")


def _adjust(row: Row, adjustment: dict[str, Any]) -> list[Row]:
    """The row split where the adjustment starts, its values set from there on."""
    _refuse_unknown_columns(adjustment["set"])
    start: date | None = adjustment.get("valid_from")
    day = start.isoformat() if start else ""
    if not re.search(adjustment["models"], row["model_id"]) or (row["valid_to"] and row["valid_to"] <= day):
        return [row]
    adjusted = row | adjustment["set"] | {"source": f"{row['source']}; {adjustment['source']}"}
    if day <= row["valid_from"]:
        return [adjusted]
    return [row | {"valid_to": day}, adjusted | {"valid_from": day}]
