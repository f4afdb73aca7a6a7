"""What was published of each day is kept, and what changes it is told with its cause."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from common.errors import UsageError
from common.paths import DuckDBVolume
from scheduler.figures import FiguresError, FiguresFile
from scheduler.publish import Generation

Usage = tuple[int | None, str | None, int, int, float]
"""Day, model, responses, output tokens, dollars."""
FIRST: list[Usage] = [(20261001, "opus", 4, 100, 1.0), (20261002, "opus", 2, 50, 0.5), (20261002, "haiku", 1, 10, 0.01)]
SCHEMA = """
create schema marts; create schema intermediate; create schema staging;
create table marts.agg_daily_usage (date_key integer, model varchar, project_id varchar, response_count bigint,
    unpriced_response_count bigint, input_tokens bigint, output_tokens bigint, cache_read_tokens bigint,
    cache_creation_tokens bigint, cost_usd double);
create table intermediate.int_model_prices (model varchar, usd double);
create table staging.stg_conversations (event_at timestamptz, ingested_at timestamptz, load_id bigint);
"""


class Publications:
    """Publishes databases with the tables that the file of figures reads, and records them."""

    def __init__(self, folder: Path) -> None:
        self.volume, self.file, self.number = DuckDBVolume(folder), FiguresFile(folder / "figures.db"), 0

    def publish(
        self,
        day: int,
        usage: list[Usage],
        *,
        lines_of: tuple[int, ...] = (),
        price: float = 1.0,
        **facts: Any,
    ) -> int:
        """Publish on a day of October 2026, at noon, with lines collected that morning; return how many changed."""
        self.number += 1
        folder = self.volume.generations / str(self.number)
        folder.mkdir(parents=True)
        with duckdb.connect(str(folder / "analytics.db")) as connection:
            connection.execute(SCHEMA)
            for date_key, model, responses, output, dollars in usage:
                # two projects: the file keeps their sum
                row = (date_key, model, responses - 1, 0, output, dollars)
                values = [row, (date_key, model, 1, 0, 0, 0.0)]
                connection.executemany(
                    "insert into marts.agg_daily_usage values (?, ?, 'p', ?, ?, 0, ?, 0, 0, ?)", values
                )
            connection.execute("insert into intermediate.int_model_prices values ('opus', ?)", [price])
            for event_day in lines_of:
                moments = [datetime(2026, 10, event_day, 12, tzinfo=UTC), datetime(2026, 10, day, 6, tzinfo=UTC)]
                connection.execute("insert into staging.stg_conversations values (?, ?, ?)", [*moments, self.number])
        known = {"load_id": self.number, "project_fingerprint": "one", "dbt_vars": {"timezone": "Europe/Berlin"}}
        created_at = datetime(2026, 10, day, 12, tzinfo=UTC)
        generation = Generation(number=self.number, created_at=created_at, bytes=0, row_counts={}, facts=known | facts)
        return self.file.record(self.volume, generation)

    def restated(self, since: int, until: int) -> list[tuple[int, str, int, int, tuple[str, ...]]]:
        """Return day, model, tokens before and after, and causes."""
        found = self.file.restated(date(2026, 10, since), date(2026, 10, until))
        return [(one.date_key, one.model, one.before.tokens, one.after.tokens, one.causes) for one in found]


@pytest.fixture
def publications(tmp_path: Path) -> Publications:
    """Two days were published on the second."""
    publications = Publications(tmp_path)
    assert publications.publish(2, FIRST) == 3
    return publications


def test_a_publication_that_changes_nothing_adds_nothing(publications: Publications) -> None:
    assert publications.publish(3, FIRST) == 0
    assert publications.restated(2, 3) == []


def test_lines_that_come_late_are_told_with_their_day(publications: Publications) -> None:
    usage: list[Usage] = [(20261001, "opus", 5, 130, 1.3), *FIRST[1:], (20261003, "opus", 1, 7, 0.1)]
    assert publications.publish(3, usage, lines_of=(1, 3)) == 2
    assert publications.restated(2, 3) == [(20261001, "opus", 100, 130, ("new lines",))]  # the third is no restatement
    assert publications.restated(3, 3) == []


def test_another_price_list_changes_costs_alone(publications: Publications) -> None:
    usage: list[Usage] = [(20261001, "opus", 4, 100, 2.0), *FIRST[1:]]
    publications.publish(3, usage, price=2.0, project_fingerprint="two")
    (found,) = publications.file.restated(date(2026, 10, 2), date(2026, 10, 3))
    assert (found.before.cost, found.after.cost, found.causes) == (1.0, 2.0, ("prices",))


@pytest.mark.parametrize(
    ("facts", "cause"),
    [({"project_fingerprint": "two"}, "rules"), ({"dbt_vars": {"timezone": "Asia/Tokyo"}}, "settings")],
)
def test_another_version_of_the_models_or_another_setting_is_told(
    publications: Publications, facts: dict[str, Any], cause: str
) -> None:
    publications.publish(3, [(20261001, "opus", 4, 90, 1.0), *FIRST[1:]], **facts)
    assert publications.restated(2, 3) == [(20261001, "opus", 100, 90, (cause,))]


def test_what_was_forgotten_is_gone_and_told_as_that(publications: Publications) -> None:
    publications.publish(3, FIRST[1:], forgets=True)
    assert publications.restated(2, 3) == [(20261001, "opus", 100, 0, ("forgotten",))]


def test_of_several_publications_of_a_day_the_last_counts_with_the_causes_of_all(publications: Publications) -> None:
    publications.publish(3, [(20261001, "opus", 5, 130, 1.3), *FIRST[1:]], lines_of=(1,))
    later = datetime(2026, 10, 3, 18, tzinfo=UTC)
    generation = Generation(
        number=publications.number,
        created_at=later,
        bytes=0,
        row_counts={},
        facts={"load_id": 2, "project_fingerprint": "two", "dbt_vars": {"timezone": "Europe/Berlin"}},
    )
    with duckdb.connect(str(publications.volume.generations / "2" / "analytics.db")) as connection:
        connection.execute("update marts.agg_daily_usage set output_tokens = 140 where output_tokens = 130")
    assert publications.file.record(publications.volume, generation) == 1
    assert publications.restated(2, 3) == [(20261001, "opus", 100, 140, ("new lines", "rules"))]


def test_a_publication_is_recorded_once(publications: Publications) -> None:
    generation = Generation(number=1, created_at=datetime(2026, 10, 2, 12, tzinfo=UTC), bytes=0, row_counts={})
    assert publications.file.record(publications.volume, generation) == 0


def test_an_unknown_day_or_model_is_kept_as_such(tmp_path: Path) -> None:
    publications = Publications(tmp_path)
    publications.publish(2, [(None, None, 1, 5, 0.0)])
    publications.publish(3, [(None, None, 2, 9, 0.0)])
    assert publications.restated(2, 3) == [(0, "", 5, 9, ("new lines",))]


@pytest.mark.parametrize(("since", "until", "said"), [(1, 3, "of 2026-10-02"), (3, 2, "the later day second")])
def test_days_that_cannot_be_compared_are_told(publications: Publications, since: int, until: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        publications.restated(since, until)


def test_before_the_first_publication_nothing_is_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing is published yet"):
        Publications(tmp_path).restated(1, 2)


def test_a_damaged_file_says_what_to_do(publications: Publications) -> None:
    publications.file.path.write_bytes(b"rubbish" * 1000)
    with pytest.raises(FiguresError, match="put it back from a backup"):
        publications.restated(2, 3)
