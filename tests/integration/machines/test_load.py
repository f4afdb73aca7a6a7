"""Many senders at once: nothing lost, nothing twice, bounded memory. In full on demand.

MACHINES_SENDERS=200 MACHINES_LINES=2000 ./analytics test tests/integration/machines/test_load.py -n 0 -s
"""

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from collector.passes import Collector
from collector.receiver.commands import revoke
from collector.sender.client import AwayError, Client, RevokedError
from collector.sender.machine import enrol
from collector.sender.shipper import Shipper
from collector.sender.sink import SpoolSink
from collector.sender.spool import Spool
from common.settings import load_settings
from tests.integration.collecting import write
from tests.integration.machines.receiving import Receiver

SENDERS = int(os.environ.get("MACHINES_SENDERS", "8"))
LINES = int(os.environ.get("MACHINES_LINES", "300"))
STORE = os.environ.get("MACHINES_STORE", "sqlite")
MOST_MEMORY = 512 * 2**20
"""Half of what the appliance gives the receiver."""


@pytest.fixture
def loaded(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Receiver]:
    """A receiver over SQLite, or over MongoDB's protocol."""
    variables = {}
    if STORE == "mongo":
        variables = {"MONGO_URI": request.getfixturevalue("mongo_server"), "MONGO_DATABASE": f"load_{uuid.uuid4().hex}"}
    started = Receiver(tmp_path / "appliance", {"LOG_LEVEL": "WARNING", **variables})
    started.start()
    yield started
    started.kill()


def transcript(machine: int) -> bytes:
    """Lines of one machine, a tenth of them without uuid and alike on all machines but for their session."""
    lines = []
    for number in range(LINES):
        line = {"type": "user", "uuid": f"{machine}-{number}", "sessionId": f"s{machine}"}
        text = {"message": {"role": "user", "content": f"{number} " + "so it goes " * 80}}
        lines.append(json.dumps({"type": "mode", "sessionId": f"s{machine}"} if number % 10 == 0 else line | text))
    return "".join(f"{line}\n" for line in lines).encode()


class Machine:
    """A sender in this process; what it meets is counted."""

    def __init__(self, folder: Path, number: int, receiver: Receiver) -> None:
        self.folder, self.name = folder / f"m{number}", f"m{number}"
        write(self.folder / "projects" / "p" / f"s{number}.jsonl", transcript(number))
        settings = load_settings(data_dir=self.folder / "data")
        self.known = enrol(settings, receiver.invite(self.name))
        self.turned_away = 0

    def send(self, gate: threading.Barrier) -> None:
        """Collect, wait for all others, and send until everything is acknowledged; ten machines send one twice."""
        with closing(Spool(self.folder / "spool.db", 2**30)) as spool, closing(self.known.client()) as client:
            Collector(SpoolSink(spool), self.folder / "projects", self.name).collect()
            gate.wait(600)
            if int(self.name[1:]) < 10 and (waiting := spool.oldest()):
                self._insist(client, waiting.content)  # as if the answer had been lost
            shipper = Shipper(spool, client)
            while not spool.is_empty:
                try:
                    shipper.send_one()
                except AwayError as error:
                    self._later(error)

    def _insist(self, client: Client, content: bytes) -> None:
        while True:
            try:
                client.deliver(content)
            except AwayError as error:
                self._later(error)
            else:
                return

    def _later(self, error: AwayError) -> None:
        self.turned_away += 1
        time.sleep(1.0 if error.seconds is None else error.seconds)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_nothing_is_lost_and_nothing_twice_when_all_machines_send_at_once(loaded: Receiver, tmp_path: Path) -> None:
    machines = [Machine(tmp_path, number, loaded) for number in range(SENDERS)]
    gate = threading.Barrier(SENDERS + 1)
    with ThreadPoolExecutor(SENDERS) as pool:
        sending = [pool.submit(machine.send, gate) for machine in machines]
        gate.wait(600)
        begun = time.monotonic()
        for done in sending:
            done.result()
    seconds, peak = time.monotonic() - begun, loaded.peak_memory()
    with loaded.store() as store:
        assert store.count() == SENDERS * LINES
        for machine in machines:
            [state] = store.states(machine.name).values()
            assert (state.lines, state.dead_letters, state.duplicates) == (LINES, 0, 0)
            assert state.read_bytes == state.size
    assert peak < MOST_MEMORY
    size = sum(path.stat().st_size for path in tmp_path.glob("m*/projects/p/*")) / 2**20
    away = sum(machine.turned_away for machine in machines)
    print(
        f"{STORE}: {SENDERS} senders, {SENDERS * LINES:,} lines, {size:,.0f} MB in {seconds:.1f} s:"
        f" {SENDERS * LINES / seconds:,.0f} lines/s, receiver's peak {peak / 2**20:,.0f} MB, told to wait {away} times"
    )


def test_a_machine_that_is_revoked_while_others_send_is_the_only_one_refused(loaded: Receiver, tmp_path: Path) -> None:
    machines = [Machine(tmp_path, number, loaded) for number in range(3)]
    revoke(loaded.settings, "m1")
    gate = threading.Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        sending = [pool.submit(machine.send, gate) for machine in machines]
        errors = [done.exception() for done in sending]
    assert [type(error) for error in errors] == [type(None), RevokedError, type(None)]
    assert loaded.count() == 2 * LINES
