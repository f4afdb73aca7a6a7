"""The smoke test inside the appliance: starts runs and counts again, from the files, what was published.

It sees what a user sees: the transcripts, the published DuckDB file, the scheduler's API, Metabase's API. All the while
readers query the database, through their own connection and through Metabase; none of them may fail or wait long.
It changes nothing but to start runs. Prints one JSON object; exit code 0 when everything agrees.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from metabase.client import MetabaseError
from tests.smoke.readers import DuckDBReader, MachineReader, MetabaseReader, Reader
from tests.smoke.scheduler import SchedulerApi, secret
from verify.files import transcript_files
from verify.recount import Recount

PATIENCE_SECONDS = 300.0
FEWEST_RUNS = 3
"""However slow the machine is: what the collector had not read before the first run is in the second."""
LONGEST_WAIT_SECONDS = 1.0
"""What nobody at a dashboard may wait longer than, builds and publications or not, but for what a busy machine adds."""

Figures = dict[str, int]


class SmokeError(Exception):
    """Something is not as it should be; the message says what was expected and what was found."""


def counted(transcripts: Path) -> Figures:
    """The figures, from the files."""
    recount = Recount()
    for name, path in transcript_files([transcripts]).items():
        recount.read(name, path)
    figures = recount.count()
    return {
        "sessions": len(figures.named_sessions),
        "tool_calls": figures.tool_calls.total(),
        "responses": len(figures.responses),
        "output_tokens": sum(response.tokens[1] for response in figures.responses),
    }


def run_until(scheduler: SchedulerApi, reader: Reader, expected: Figures) -> int:
    """Start runs until the published figures are the expected ones; the collector may still be a moment behind."""
    deadline, runs = time.monotonic() + PATIENCE_SECONDS, 0
    while True:
        run = scheduler.run_to_the_end()
        runs += 1
        if run["status"] not in {"succeeded", "unchanged"}:
            raise SmokeError(f"expected a run to succeed, found {run['status']}: {run['message']}")
        if (found := reader.figures()) == expected:
            return runs
        if runs >= FEWEST_RUNS and time.monotonic() > deadline:
            raise SmokeError(f"expected {expected} in the published database, found {found}")


def wait_for_metabase(reader: Reader, expected: Figures) -> None:
    """Metabase shows a new generation once its pool was recycled, which may happen a moment later."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := reader.figures()) != expected:
        if time.monotonic() > deadline:
            raise SmokeError(f"expected {expected} through Metabase, found {found}")
        time.sleep(0.2)  # Metabase has no event to wait for


def check_readers(readers: list[Reader]) -> dict[str, Any]:
    """What the readers met."""
    report = {reader.name: reader.report() for reader in readers}
    longest = (
        LONGEST_WAIT_SECONDS + 2 * report[MachineReader.name]["longest"]
    )  # neither meets the worst moment for sure
    for name, met in report.items():
        if met["errors"] or not met["queries"]:
            raise SmokeError(f"expected {name} to read without an error, found {met}")
        if met["longest"] > longest:
            raise SmokeError(f"expected {name} never to wait longer than {longest:.2f} s, found {met}")
    return report


def smoke() -> dict[str, Any]:
    """Everything, once."""
    started = time.monotonic()
    scheduler = SchedulerApi(os.environ["SCHEDULER_URL"], secret("scheduler_token"))
    database = Path(os.environ["DUCKDB_PATH"])
    expected = counted(Path(os.environ["TRANSCRIPTS_DIR"]))
    direct = DuckDBReader(database)
    scheduler.wait_until_published(database)
    metabase = MetabaseReader(os.environ["METABASE_URL"], secret("metabase_user"), secret("metabase_password"))
    if not metabase.is_connected():
        scheduler.run_to_the_end()  # sets it up, and does so again where its own database was lost
    metabase.wait_until_connected(PATIENCE_SECONDS)
    readers: list[Reader] = [direct, metabase, MachineReader()]
    for reader in readers:
        reader.start()
    try:
        runs = run_until(scheduler, direct, expected)
        wait_for_metabase(metabase, expected)
    finally:
        for reader in readers:
            reader.stop()
    report = check_readers(readers)
    return {**expected, "runs": runs, "seconds": round(time.monotonic() - started, 1), "readers": report}


def look() -> dict[str, Any]:
    """Only what a reader sees, whatever else is going on."""
    reader = DuckDBReader(Path(os.environ["DUCKDB_PATH"]))
    if not (found := reader.figures())["sessions"]:
        raise SmokeError(f"expected sessions in the published database, found {found}")
    return found


def main(arguments: list[str]) -> int:
    """Without an argument everything, with `look` what a reader sees. An expected failure takes one line."""
    try:
        print(json.dumps(look() if arguments == ["look"] else smoke()))
    except (SmokeError, MetabaseError, OSError) as error:
        print(f"smoke: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
