"""The price list: generated, the same every time, and true to what it is generated from."""

from datetime import UTC, date, time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from genai_prices import types
from genai_prices.data import providers

from cli import prices

ANTHROPIC = next(provider for provider in providers if provider.id == "anthropic")
IDS = (
    "claude-opus-4",
    "claude-opus-4-20250514",
    "claude-opus-4-1-20250805",
    "claude-opus-4-6",
    "claude-opus-4.6",
    "claude-sonnet-4-20250514",
    "claude-sonnet-4-5-20250929",
    "claude-sonnet-5",
    "claude-haiku-4-5-20251001",
    "claude-haiku-5-5-20260901",
    "claude-3-5-haiku-20241022",
    "claude-fable-5",
    "claude-fable-5-1",
    "claude-v2",
    "gpt-5",
)


def model(model_prices: types.ModelPrice | list[types.ConditionalPrice]) -> types.ModelInfo:
    return types.ModelInfo(id="m", match=types.ClauseEquals(equals="m"), prices=model_prices)


def test_the_seed_in_git_is_what_the_generator_writes() -> None:
    assert prices.SEED.read_text(encoding="utf-8") == prices.to_csv(prices.price_rows())


def test_an_update_says_what_changed_and_a_second_one_that_nothing_did(tmp_path: Path) -> None:
    path = tmp_path / "model_prices.csv"
    path.write_text("old line\n", encoding="utf-8")
    first, second = prices.update_prices(path), prices.update_prices(path)
    assert first.changed
    assert first.removed == ("old line",)
    assert len(first.added) == first.rows + 1
    assert not second.changed


@pytest.mark.parametrize("model_id", IDS)
def test_a_pattern_matches_where_genai_prices_does(model_id: str) -> None:
    """DuckDB's regular expressions (RE2) find the model that genai-prices finds, and no other."""
    found = {
        row["model_id"]
        for row in prices.price_rows()
        if duckdb.execute("select regexp_matches(?, ?)", [model_id, row["model_pattern"]]).fetchone() == (True,)
    }
    expected = ANTHROPIC.find_model(model_id)
    assert found == ({expected.id} if expected else set())


def test_the_periods_of_a_model_follow_each_other_without_gap_or_overlap() -> None:
    rows = prices.price_rows()
    for earlier, later in pairwise(rows):
        if earlier["model_id"] == later["model_id"]:
            assert earlier["valid_to"] == later["valid_from"]
        else:
            assert (earlier["valid_to"], later["valid_from"]) == ("", "")


def test_every_model_has_the_two_rates_that_every_response_needs() -> None:
    assert all(Decimal(row["input_usd"]) > 0 and Decimal(row["output_usd"]) > 0 for row in prices.price_rows())


def test_an_override_splits_the_period_that_it_starts_in(tmp_path: Path) -> None:
    overrides = tmp_path / "overrides.toml"
    overrides.write_text(
        '[[adjustment]]\nmodels = "^claude-opus-4-6$"\nvalid_from = 2026-05-01\nsource = "a test"\n'
        '[adjustment.set]\nfast_multiplier = "9"\n',
        encoding="utf-8",
    )
    rows = [row for row in prices.price_rows(overrides) if row["model_id"] == "claude-opus-4-6"]
    assert [(row["valid_from"], row["valid_to"], row["fast_multiplier"]) for row in rows] == [
        ("", "2026-03-13", ""),
        ("2026-03-13", "2026-05-01", ""),
        ("2026-05-01", "", "9"),
    ]
    assert rows[2]["source"] == "genai-prices; a test"


def test_an_override_of_an_unknown_column_is_refused(tmp_path: Path) -> None:
    overrides = tmp_path / "overrides.toml"
    overrides.write_text('[[adjustment]]\nmodels = ""\nsource = ""\n[adjustment.set]\nfast = "9"\n', encoding="utf-8")
    with pytest.raises(prices.PriceDataError, match="expected columns of the seed, found \\['fast'\\]"):
        prices.price_rows(overrides)


def test_a_model_that_the_source_lacks_is_added_and_one_that_it_knows_is_refused(tmp_path: Path) -> None:
    overrides = tmp_path / "overrides.toml"
    added = '[[model]]\nid = "%s"\nsource = "a test"\n[model.set]\ninput_usd = "7"\noutput_usd = "8"\n'
    overrides.write_text("adjustment = []\n" + added % "claude-new-9", encoding="utf-8")
    (row,) = [row for row in prices.price_rows(overrides) if row["model_id"] == "claude-new-9"]
    assert (row["model_pattern"], row["input_usd"]) == (r"^claude-new-9(-\d{8})?$", "7")
    overrides.write_text("adjustment = []\n" + added % "claude-sonnet-5", encoding="utf-8")
    with pytest.raises(prices.PriceDataError, match="genai-prices knows"):
        prices.price_rows(overrides)


def test_fast_mode_is_taken_over_where_the_source_knows_it() -> None:
    fast = {row["model_id"]: row["fast_multiplier"] for row in prices.price_rows()}
    assert fast["claude-opus-4-8"] == "2"
    assert fast["claude-opus-4-6"] == "6"
    assert not fast["claude-sonnet-4-6"]


def test_what_the_list_cannot_express_is_refused_and_not_guessed() -> None:
    """Prices by time of day, two thresholds, two tiers: each is named, none is written wrong."""
    night = types.TimeOfDateConstraint(start_time=time(0, tzinfo=UTC), end_time=time(6, tzinfo=UTC))
    by_hour = types.ConditionalPrice(constraint=night, prices=types.ModelPrice())
    with pytest.raises(prices.PriceDataError, match="expected prices that change by date"):
        prices._model_rows(model([by_hour]))
    two_thresholds = types.ModelPrice(
        input_mtok=types.TieredPrices(base=Decimal(1), tiers=[types.Tier(start=1, price=Decimal(2))]),
        output_mtok=types.TieredPrices(base=Decimal(1), tiers=[types.Tier(start=2, price=Decimal(2))]),
    )
    with pytest.raises(prices.PriceDataError, match="one tier threshold"):
        prices._model_rows(model(two_thresholds))
    tiers = [types.Tier(start=1, price=Decimal(2)), types.Tier(start=2, price=Decimal(3))]
    with pytest.raises(prices.PriceDataError, match="one price tier, found 2"):
        prices._model_rows(model(types.ModelPrice(input_mtok=types.TieredPrices(base=Decimal(1), tiers=tiers))))
    with pytest.raises(prices.PriceDataError, match="match clause"):
        prices.model_pattern("claude-*")


def test_prices_that_change_by_date_become_periods() -> None:
    dated = [
        types.ConditionalPrice(constraint=None, prices=types.ModelPrice(input_mtok=Decimal(2))),
        types.ConditionalPrice(
            constraint=types.StartDateConstraint(start_date=date(2026, 1, 1)),
            prices=types.ModelPrice(input_mtok=Decimal("1.50")),
        ),
    ]
    rows = prices._model_rows(model(dated))
    assert [(row["valid_from"], row["valid_to"], row["input_usd"]) for row in rows] == [
        ("", "2026-01-01", "2"),
        ("2026-01-01", "", "1.5"),
    ]
