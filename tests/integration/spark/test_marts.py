"""The same dbt project on Spark: its tests pass there, and every mart is DuckDB's, row by row.

Over the generated sample, without the generic tests of marts, and without `unique` and `not_null` of what marts are
made from: DuckDB's passed them on the same rows. CLAUDE_ANALYTICS_SPARK_WHOLE=1 takes the real history of
CLAUDE_ANALYTICS_CORPUS, and every test.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.catalog import open_catalog
from common.paths import DataPaths
from sample.transcripts import SampleStats
from spark.compare import compare
from tests.integration.spark.conftest import SparkLake, spark_over

WHOLE = "CLAUDE_ANALYTICS_SPARK_WHOLE"
SHOWN_BY_EQUAL_ROWS = ("test_type:generic,path:models/marts", "test_name:unique", "test_name:not_null")


@pytest.fixture(scope="module")
def lake(
    request: pytest.FixtureRequest,
    spark_jars: str,
    sample: tuple[Path, SampleStats],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SparkLake]:
    """A history, built by DuckDB and then by Spark."""
    whole = bool(os.environ.get(WHOLE))
    projects = request.getfixturevalue("corpus") / "projects" if whole else sample[0]
    left_out = () if whole else ("--exclude", *SHOWN_BY_EQUAL_ROWS)
    with spark_over(projects, tmp_path_factory.mktemp("spark"), spark_jars) as served:
        done = served.spark("dbt", "build", *left_out)
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
        yield served


def test_every_mart_of_spark_is_that_of_duckdb(lake: SparkLake) -> None:
    data = DataPaths.of(lake.settings.model_copy(update={"data_dir": Path(lake.environment["DATA_DIR"])}))
    equal, different = compare(data.duckdb.published_database, open_catalog(lake.settings))
    assert different == []
    assert len(equal) >= 50


def test_a_mart_that_differs_is_named_with_its_columns(lake: SparkLake) -> None:
    catalog = open_catalog(lake.settings)
    lines = catalog.load_table(("marts", "dim_skills"))
    lines.delete()
    data = DataPaths.of(lake.settings.model_copy(update={"data_dir": Path(lake.environment["DATA_DIR"])}))
    _, different = compare(data.duckdb.published_database, catalog)
    assert [(found.mart, "0 rows" in found.message) for found in different] == [("dim_skills", True)]
