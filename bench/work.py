"""The work that our chain is compared with, one piece a process: `python -m bench.work NAME`.

The settings come from the environment. Prints seconds and CPU seconds of the work alone, without the interpreter's
start and imports; a server's CPU time is not in it.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing, redirect_stdout
from typing import Any

import bson
import duckdb
import orjson
from pymongo.collection import Collection

import collector
import loader
from bench.errors import BenchError
from common.catalog import open_catalog
from common.errors import AnalyticsError
from common.masking import Masker
from common.mongo import mongo_client
from common.paths import DataPaths
from common.settings import Settings, load_settings
from records import open_store
from records.store import EARLIEST, LATEST

BATCH = 1000
"""Documents that a batch of a cursor holds, in our extract as well."""
RANGE = {"ingestedAt": {"$gt": EARLIEST, "$lte": LATEST}}
"""What our extract asks for, as one range instead of several."""
LONGEST_LINE = 64 * 1024 * 1024

FLOOR = """
    select cast(timestamp as date) as day, message.model, count(*), sum(message.usage.input_tokens),
        sum(message.usage.output_tokens), sum(message.usage.cache_read_input_tokens),
        sum(message.usage.cache_creation_input_tokens)
    from (
        select timestamp, message
        from read_json(
            $files, format = 'newline_delimited', ignore_errors = true, maximum_object_size = $longest, columns = {
                type: 'varchar', timestamp: 'timestamp', message: 'struct(id varchar, model varchar, usage struct(
                    input_tokens bigint, output_tokens bigint, cache_read_input_tokens bigint,
                    cache_creation_input_tokens bigint))'
            }
        )
        where type = 'assistant'
        qualify row_number() over (partition by message.id order by message.usage.output_tokens desc) = 1
    )
    group by all
"""
# A date_key is a number such as 20260131: 10000 less is a year ago.
DAILY = """
    select date_key, model, sum(response_count), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens),
        sum(cache_creation_tokens), sum(cost_usd)
    from marts.agg_daily_usage
    where date_key > (select max(date_key) from marts.agg_daily_usage) - 10000
    group by all order by all
"""


def collect(settings: Settings) -> int:
    """Bring the transcripts into the record store."""
    with closing(open_store(settings)) as store:
        return collector.collect(store, settings.transcripts_dir, settings.host_name).documents


def raw_drain(settings: Settings) -> int:
    """Read every raw batch without decoding it, as fast as the server sends them; return the bytes read."""
    return sum(len(batch) for batch in _batches(settings))


def flatten_path(settings: Settings) -> int:
    """Decode every batch and write every document as JSON, without special handling of dates or NaN."""
    count = 0
    for batch in _batches(settings):
        for document in bson.decode_all(batch):
            orjson.dumps(document, default=str)
            count += 1
    return count


def _batches(settings: Settings) -> Any:
    return _collection(settings).find_raw_batches(RANGE, batch_size=BATCH)


def _collection(settings: Settings) -> Collection[dict[str, Any]]:
    assert settings.mongo_uri is not None
    client = mongo_client(settings.mongo_uri.get_secret_value(), "claude-analytics-bench", tz_aware=True)
    return client[settings.mongo_database].conversations


def extract(settings: Settings) -> int:
    """Extract the record store into a new Iceberg table, as a run does."""
    DataPaths.of(settings).root.mkdir(parents=True, exist_ok=True)
    with closing(open_store(settings)) as store:
        return loader.extract(store, open_catalog(settings), masker=Masker.of(settings)).documents


def dlt_landing(settings: Settings) -> int:
    """Let dlt land the collection in a DuckDB file, as it does by itself, but nested values as JSON in one table."""
    return _land(settings, None)


def dlt_parquet(settings: Settings) -> int:
    """The same by way of Parquet files, which dlt does when it is told to."""
    return _land(settings, "parquet")


def _land(settings: Settings, file_format: Any) -> int:
    import dlt  # noqa: PLC0415 - a development dependency

    folder, database = settings.data_dir, settings.data_dir / "dlt.duckdb"
    found = _collection(settings).find(batch_size=BATCH)
    documents = dlt.resource(found, name="conversations", max_table_nesting=0, file_format=file_format)
    pipeline = dlt.pipeline("bench", pipelines_dir=str(folder), destination=dlt.destinations.duckdb(str(database)))
    pipeline.run(documents).raise_on_failed_jobs()
    with duckdb.connect(str(database), read_only=True) as connection:
        (landed,) = connection.execute(f"select count(*) from {pipeline.dataset_name}.conversations").fetchall()[0]
    if landed != (expected := _collection(settings).estimated_document_count()):
        raise BenchError(f"dlt: expected {expected} documents in DuckDB, found {landed}")
    return int(landed)


def duckdb_floor(settings: Settings) -> int:
    """Let DuckDB read the transcripts and add up tokens by day and model, each response once: the floor."""
    with duckdb.connect() as connection:
        files = str(settings.transcripts_dir[0] / "**" / "*.jsonl")
        rows = connection.execute(FLOOR, {"files": files, "longest": LONGEST_LINE}).fetchall()
        return len(rows)


def daily_usage(settings: Settings) -> int:
    """Open the published database, query the latest year by model and day, and close it."""
    with duckdb.connect(str(DataPaths.of(settings).duckdb.published_database), read_only=True) as connection:
        return len(connection.execute(DAILY).fetchall())


WORK: dict[str, Callable[[Settings], int]] = {
    work.__name__: work
    for work in (collect, raw_drain, flatten_path, extract, dlt_landing, dlt_parquet, duckdb_floor, daily_usage)
}


def main(name: str) -> None:
    """Do one piece of work and print what it took. Raises BenchError where it found nothing to do."""
    settings = load_settings()
    before, clock = sum(os.times()[:4]), time.perf_counter()
    with redirect_stdout(sys.stderr):  # what a library says is not part of the answer
        found = WORK[name](settings)
    seconds, spent = time.perf_counter() - clock, sum(os.times()[:4]) - before
    if not found:
        raise BenchError(f"{name}: expected something to read, found nothing")
    print(json.dumps({"seconds": seconds, "cpu_seconds": spent, "found": found}))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except AnalyticsError as error:
        sys.exit(str(error))
