"""The appliance's programs as processes on loopback: a machine that is enrolled is in the figures by itself. On demand.

MACHINES_FIRST_SESSION=1 ./analytics test tests/integration/machines/test_first_session.py -n 0 -s
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from functools import partial
from pathlib import Path

import duckdb
import pytest

from sample.transcripts import write_sample
from tests.integration.collecting import ROOT, wait_until
from tests.integration.conftest import free_port
from tests.integration.machines.receiving import KEY, Receiver, Sender, environment_of

pytestmark = pytest.mark.skipif(
    not os.environ.get("MACHINES_FIRST_SESSION"), reason="takes minutes: set MACHINES_FIRST_SESSION=1"
)


@contextmanager
def running(data: Path, variables: dict[str, str], module: str, *arguments: str) -> Iterator[None]:
    """Run one of the appliance's programs meanwhile."""
    command = [sys.executable, "-m", module, *arguments]
    with (data.parent / f"{module}.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment_of(data, **variables), stdout=log, stderr=log)
        yield
        process.terminate()
        process.wait(120)


def published(data: Path, query: str) -> object:
    """Return what a query finds in the published figures; None where nothing is published."""
    try:
        with duckdb.connect(str(data / "duckdb" / "analytics.db"), read_only=True) as connection:
            row = connection.execute(query).fetchone()
    except duckdb.Error:
        return None
    return row[0] if row else None


def test_the_first_session_of_a_new_machine_is_published_without_waiting_for_the_schedule(
    mongo_server: str, tmp_path: Path
) -> None:
    receiver, loader_port = Receiver(tmp_path / "appliance", {"MONGO_URI": mongo_server}), free_port()
    write_sample(tmp_path / "projects", days=20, until=date(2026, 6, 30))
    loader = {"LOADER_URL": f"http://127.0.0.1:{loader_port}", "LOADER_TOKEN": "for this test alone"}
    variables = {"MONGO_URI": mongo_server, "FINGERPRINT_KEY": KEY, "SCHEDULER_PORT": str(free_port()), **loader}
    variables["TRANSCRIPTS_DIR"] = str(tmp_path / "projects")
    start, laptop = partial(running, receiver.data, variables), Sender(tmp_path / "laptop")
    with ExitStack() as stack:
        stack.enter_context(start("collector"))
        stack.enter_context(start("loader", "--port", str(loader_port)))
        receiver.start()
        stack.callback(receiver.kill)
        stack.enter_context(start("cli.appliance.scheduler_service"))
        wait_until(lambda: bool(published(receiver.data, "select count(*) from marts.dim_sessions")), seconds=900)
        time.sleep(100)  # the first runs end: what is measured is a host that has been up for a while
        write_sample(laptop.projects, days=2, until=date(2026, 7, 2))
        begun = time.monotonic()
        laptop.enrol(receiver.invite("laptop", "Anna"))
        sent = time.monotonic() - begun
        found = "select count(*) from marts.dim_sessions where host = 'laptop'"
        wait_until(lambda: bool(published(receiver.data, found)), seconds=900)
        print(f"enrolled and sent after {sent:.0f} s, published after {time.monotonic() - begun:.0f} s")
        assert published(receiver.data, "select person from marts.dim_people") == "Anna"
