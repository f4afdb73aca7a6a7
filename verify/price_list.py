"""The cost of a response by a price list's CSV, and the model that an id names, as docs/counting.md says."""

import csv
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

PRICES = Path(__file__).resolve().parent.parent / "dbt" / "seeds" / "model_prices.csv"
"""Our list."""

_PER = 1e6
_CONTEXT = re.compile(r"\[\d+[km]\]$", re.ASCII)
_MODE = re.compile(r"-(?:thinking|fast)(?:-\d+k)?$", re.ASCII)
_NAMED = ("@default", "@latest", ":beta", ":thinking", ":fast")
_VENDORS = re.compile(r"(?:[a-z0-9-]+\.)*anthropic[.:_-]+|(?:databricks|bedrock|vertex|azure|aws|gcp|google)[.:_-]+")
_REVISION = re.compile(r"-v\d+(?::\d+)?$", re.ASCII)
_DATED = re.compile(r"(?:-latest|-v\d+|-\d{8}|-\d{4}-\d\d-\d\d)$", re.ASCII)
_PLAIN = re.compile(
    r"claude-(?:(?:[a-z]+-)?v?\d+(?:[.-]\d{1,2}){0,2}|\d+(?:[.-]\d{1,2})?-[a-z]+|instant-v?[\d.]+)", re.ASCII
)
_SWAPPED = re.compile(r"claude-(\d+(?:-\d{1,2})?)-([a-z]+)", re.ASCII)
_RATES = ("input_usd", "output_usd", "cache_read_usd", "cache_write_5m_usd", "cache_write_1h_usd")


class Spelling(NamedTuple):
    """A model's id as the list writes it, and whether the id asks for fast mode."""

    name: str
    is_fast: bool


def spelling(model: str) -> Spelling:
    """Return what an id of a vendor or gateway names."""
    name, marks = _without_marks(model.lower().rpartition("/")[2])
    if vendor := _VENDORS.match(name):
        name = name[vendor.end() :]
    name = name.replace("@", "-")
    if (revision := _REVISION.search(name)) and re.fullmatch("claude-.*[^-]", name[: revision.start()]):
        name = name[: revision.start()]
    name, more = _without_marks(name)
    return Spelling(name, any(mark[1:].startswith("fast") for mark in (*marks, *more)))


def is_fast_id(model: str) -> bool:
    """Return whether an id itself asks for fast mode."""
    return "fast" in model.lower() and spelling(model).is_fast


def _without_marks(name: str) -> tuple[str, list[str]]:
    marks = []
    while mark := _mark(name):
        name = name.removesuffix(mark)
        marks.append(mark)
    return name, marks


def _mark(name: str) -> str:
    if found := _CONTEXT.search(name) or _MODE.search(name):
        return found[0]
    return next((mark for mark in _NAMED if name.endswith(mark)), "")


def spellings(name: str) -> tuple[str, str, str]:
    """Return an id as it is, with dashes for the dots of its version, and with the family before the version."""
    dashed = re.sub(r"(?<=\d)\.(?=\d)", "-", name)
    swapped = _SWAPPED.match(dashed)
    return name, dashed, f"claude-{swapped[2]}-{swapped[1]}{dashed[swapped.end() :]}" if swapped else dashed


def is_plain(name: str) -> bool:
    """Return whether an id is a family and a version and nothing else."""
    while dated := _DATED.search(name):
        name = name[: dated.start()]
    return _PLAIN.fullmatch(name) is not None


class Price(NamedTuple):
    """A row of the list."""

    rank: int
    pattern: str
    valid_from: date | None
    valid_to: date | None
    numbers: dict[str, float]

    def holds_on(self, day: date | None) -> bool:
        """Return whether it is the price of a day; without a day, whether it never changed."""
        if day is None:
            return self.valid_from is None and self.valid_to is None
        return (self.valid_from is None or day >= self.valid_from) and (self.valid_to is None or day < self.valid_to)

    @property
    def order(self) -> tuple[int, int, int]:
        """Put the user's own list first, then longer patterns, then later prices."""
        return self.rank, -len(self.pattern), -(self.valid_from.toordinal() if self.valid_from else 0)


class Bill(NamedTuple):
    """The billed usage."""

    model: str
    day: date | None
    """In UTC."""
    tokens: tuple[int, int, int, int]
    hour: int
    searches: int
    is_fast: bool
    is_us: bool
    is_batch: bool


class PriceList:
    """Price lists, the user's own before ours."""

    def __init__(self, prices: Sequence[Price]) -> None:
        self._prices = sorted(prices, key=lambda price: price.order)
        self._of_models: dict[str, list[Price]] = {}

    def cost(self, bill: Bill) -> float | None:
        """Return US dollars, or None if a rate that the bill needs is missing."""
        price = next((price for price in self._of(bill.model) if price.holds_on(bill.day)), None)
        return None if price is None else _cost(bill, price.numbers)

    def _of(self, model: str) -> list[Price]:
        if model not in self._of_models:
            name = spelling(model).name
            names, plain = spellings(name), is_plain(name)
            self._of_models[model] = [
                price
                for price in self._prices
                if (price.rank == 0 or plain) and any(re.search(price.pattern, name) for name in names)
            ]
        return self._of_models[model]


def _cost(bill: Bill, numbers: dict[str, float]) -> float | None:
    asked, said, read, cached = bill.tokens
    is_long = asked + read + cached > numbers.get("tier_above_tokens", float("inf"))
    hour = min(bill.hour, cached)
    tokens = dict(zip(_RATES, (asked, said, read, cached - hour, hour), strict=True))
    parts = [_times(count, numbers.get(f"tier_{rate}" if is_long else rate)) for rate, count in tokens.items()]
    searched = _times(bill.searches * 1000, numbers.get("web_search_usd_per_1000"))
    factors = (
        numbers.get("fast_multiplier") if bill.is_fast else 1.0,
        numbers.get("us_multiplier", 1.0) if bill.is_us else 1.0,
        numbers.get("batch_multiplier", 1.0) if bill.is_batch else 1.0,
    )
    known = [part for part in parts if part is not None]
    multiplied = [factor for factor in factors if factor is not None]
    if len(known) < len(parts) or len(multiplied) < len(factors) or searched is None:
        return None
    total = sum(known)
    for factor in multiplied:
        total *= factor
    return total + searched


def _times(count: int, rate: float | None) -> float | None:
    """Return the cost at a rate per million; zero tokens cost zero at an unknown rate."""
    if count == 0:
        return 0.0
    return None if rate is None else count * rate / _PER


def price_list(own: Path | None) -> PriceList:
    """Return our list with the user's own before it."""
    return PriceList([*_read_prices(PRICES, 1), *(_read_prices(own, 0) if own else [])])


def _read_prices(path: Path, rank: int) -> list[Price]:
    """Return the rows of a list; `rank` is 0 for the user's own and 1 for ours."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [_price(row, rank) for row in csv.DictReader(file)]


def _price(row: dict[str, str], rank: int) -> Price:
    texts = {"model_id", "model_pattern", "valid_from", "valid_to", "source"}
    return Price(
        rank,
        row["model_pattern"],
        _day(row.get("valid_from")),
        _day(row.get("valid_to")),
        {name: float(value) for name, value in row.items() if name not in texts and value},
    )


def _day(written: str | None) -> date | None:
    return date.fromisoformat(written) if written else None
