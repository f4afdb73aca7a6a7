"""Plays a journey: in each round the history grows, faults disturb a run or come between two, and a run follows."""

import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.damage import damage
from tests.faults.fork_server import ForkServer
from tests.faults.history_slices import write_slice
from tests.faults.plan import BETWEEN, Fault, Journey, journey
from tests.faults.reader import Reader
from tests.faults.rig import Rig, Undisturbed
from tests.integration.published_rows import differences

LOCKED = 75
WITHOUT = frozenset({"state", "collected_at"})
"""Columns that name inodes and moments."""
_LEFT_ALONE_SECONDS = 0.2
_JUMPS = (-86_400, -3_600, -90, 90, 3_600, 86_400 * 40, 86_400 * 800)
_FEW_BYTES = 24 * 1024


class JourneyFailedError(AssertionError):
    """A round did not end as an undisturbed one; the message says which, and how to repeat it."""


class Player:
    """One journey over one data directory."""

    def __init__(self, rig: Rig, journey: Journey, name: str) -> None:
        self.rig, self.journey = rig, journey
        self.folder = rig.volume.folder / name
        self.data, self.tree = self.folder / "data", self.folder / "projects"
        self.tree.mkdir(parents=True)
        self.more = rig.servers.settings(name) if rig.servers else {}
        self.reader = Reader(self.data / "duckdb")
        self.outputs: list[str] = []
        self.applied: list[str] = []

    def play(self) -> None:
        """Play every round. Raises JourneyFailedError at the first that does not end as it should."""
        with self.reader.watching():
            for number, faults in enumerate(self.journey.rounds):
                self._round(number, faults)

    def record(self) -> list[Undisturbed]:
        """Play the rounds without faults and return what each leaves."""
        found = []
        for number in range(len(self.journey.rounds)):
            write_slice(self.rig.whole, self.tree, number + 1, len(self.journey.rounds))
            started = time.monotonic()
            assert self.run() == 0, self.outputs
            seconds = time.monotonic() - started
            counted = self.count()
            published = self.folder / f"published-{number}.db"
            published.write_bytes((self.data / "duckdb" / "current" / "analytics.db").read_bytes())
            found.append(Undisturbed(published, counted["lines"], seconds, counted["calls"]))
        return found

    def remove(self) -> None:
        """Delete everything that the journey left."""
        shutil.rmtree(self.folder)

    # One round

    def _round(self, number: int, faults: tuple[Fault, ...]) -> None:
        write_slice(self.rig.whole, self.tree, number + 1, len(self.journey.rounds))
        self.outputs.clear()
        self.usual = self.rig.undisturbed[number]
        blind = any(fault.kind == "lost_current" for fault in faults)
        with self.reader.looking_away() if blind else nullcontext():
            for fault in faults:
                self._disturb(fault)
            code = self.run(count_calls=False)
        self._check(number, faults, code)

    def _check(self, number: int, faults: tuple[Fault, ...], code: int) -> None:
        problems: dict[str, Any] = {}
        if code != 0:
            problems["the ordinary run ended with code"] = code
        else:
            published = self.data / "duckdb" / "current" / "analytics.db"
            if found := differences(published, self.usual.published, without=WITHOUT):
                problems["rows that differ"] = found
            if (lines := self.count()["lines"]) != self.usual.lines:
                problems["lines"] = f"{lines}, expected {self.usual.lines}"
            if left := [str(path) for path in (self.data / "duckdb").rglob("*.tmp")]:
                problems["left behind"] = left
        if self.reader.errors:
            problems["the reader saw"] = self.reader.errors[:3]
        if problems:
            raise JourneyFailedError(self._describe(number, faults, problems))

    def _describe(self, number: int, faults: tuple[Fault, ...], problems: dict[str, Any]) -> str:
        named = "\n".join(f"  {what}: {how}" for what, how in problems.items())
        done = ", ".join(map(str, faults))
        said = "\n".join(f"  | {line}" for output in self.outputs for line in output.strip().splitlines()[-8:])
        return (
            f"FAULTS_SEED={self.journey.seed} FAULTS_ROUNDS={len(self.journey.rounds)}: round {number + 1} ({done})\n"
            f"{named}\n{said}"
        )

    # Runs

    def _settings(self) -> dict[str, Any]:
        places = {"data_dir": self.data, "transcripts_dir": self.tree}
        return places | {"timezone": "UTC", "host_name": "test", "log_level": "WARNING"} | self.more

    def start(self, server: ForkServer | None = None, **more: Any) -> tuple[int, Path]:
        """Start a run; return its process and the file that it writes to."""
        output = self.rig.whole.parent / f"{self.folder.name}-{time.monotonic_ns()}.out"  # not on the volume
        settings = {name: value if isinstance(value, int) else str(value) for name, value in self._settings().items()}
        task = {"settings": settings, "output": str(output), **more}
        return (server or self.rig.server).start(task), output

    def end(self, run: tuple[int, Path], server: ForkServer | None = None) -> int:
        """Wait for a run and keep what it said; return its exit code."""
        pid, output = run
        code = (server or self.rig.server).wait(pid)
        self.outputs.append(f"[{code}] {output.read_text(encoding='utf-8', errors='replace')}")
        with suppress(OSError):
            output.unlink()
        return code

    def run(self, **more: Any) -> int:
        """Run once, undisturbed, and return the exit code."""
        return self.end(self.start(counts=str(self.folder / "counts"), **more))

    def count(self) -> dict[str, Any]:
        """Return what the last undisturbed run counted: its calls, and the lines in both copies."""
        counted: dict[str, Any] = json.loads((self.folder / "counts").read_text(encoding="utf-8"))
        return counted

    # Faults

    def _disturb(self, fault: Fault) -> None:
        self.applied.append(fault.kind)
        if fault.kind in BETWEEN and fault.kind != "read_only_volume":
            damage(self.data, fault)
        else:
            action: Callable[[Fault], None] = getattr(self, f"_{fault.kind}")
            action(fault)

    def _wait_until(self, fault: Fault) -> None:
        time.sleep(self.usual.seconds * fault.at)

    def _killed_at_call(self, fault: Fault) -> None:
        self.run(kill_at=1 + int(self.usual.calls * fault.at))

    def _killed_at_time(self, fault: Fault) -> None:
        run = self.start()
        self._wait_until(fault)
        _signal(run, signal.SIGKILL)
        self.end(run)

    def _stopped(self, fault: Fault) -> None:
        """A laptop that sleeps in the middle of a run: another run meanwhile is refused or finds it done."""
        run = self.start()
        self._wait_until(fault)
        _signal(run, signal.SIGSTOP)
        other = self.run()
        time.sleep(_LEFT_ALONE_SECONDS)
        _signal(run, signal.SIGCONT)
        self._expect({0}, self.end(run))
        self._expect({0, LOCKED}, other)

    def _two_runs(self, fault: Fault) -> None:
        first = self.start()
        self._wait_until(fault)
        second = self.start()
        self._expect({0, LOCKED}, self.end(second))
        self._expect({0, LOCKED}, self.end(first))

    def _full_disk(self, fault: Fault) -> None:
        if not self.rig.volume.is_mounted:
            self.run(most_bytes=_FEW_BYTES + int(fault.at * 2_000_000))
            return
        run = self.start()
        self._wait_until(fault)
        self.rig.volume.fill()
        try:
            self._expect({0, 1}, self.end(run))
        finally:
            self.rig.volume.free()

    def _read_only_volume(self, _: Fault) -> None:
        with self.rig.volume.read_only():
            code = self.end(self.start())
        self._expect({1}, code)

    def _clock_jump(self, fault: Fault) -> None:
        """The clock is wrong for one run, or jumps within it, and is right again for the next."""
        elsewhen, seconds = self.rig.elsewhen, _JUMPS[fault.choice % len(_JUMPS)]
        assert elsewhen is not None  # plans without libfaketime have no such fault
        elsewhen.set_clock(seconds)
        try:
            run = self.start(server=elsewhen.server)
            if fault.choice % 2:
                self._wait_until(fault)
                elsewhen.set_clock(0)
            self._expect({0}, self.end(run, elsewhen.server))
        finally:
            elsewhen.set_clock(0)

    def _network_cut(self, fault: Fault) -> None:
        assert self.rig.servers is not None
        run = self.start()
        self._wait_until(fault)
        self.rig.servers.cut(fault.choice)
        self._expect({0, 1}, self.end(run))

    def _server_restart(self, fault: Fault) -> None:
        assert self.rig.servers is not None
        run = self.start()
        self._wait_until(fault)
        self.rig.servers.restart(fault.choice)
        self._expect({0, 1}, self.end(run))

    def _expect(self, codes: set[int], code: int) -> None:
        if code not in codes:
            raise JourneyFailedError(
                f"FAULTS_SEED={self.journey.seed}: a run ended with code {code}, expected one of {sorted(codes)}\n"
                + "\n".join(self.outputs)
            )


@dataclass
class Played:
    """What came of many journeys."""

    rounds: int = 0
    reads: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        by_kind = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items()))
        return f"{self.rounds} rounds, {self.reads} reads, {len(self.failures)} failures, faults: {by_kind}"

    def explained(self) -> str:
        """Return the first failures, each with its seed."""
        return "\n".join(["", *self.failures[:5]])


def play_all(rig: Rig, kinds: tuple[str, ...], seed: int, rounds: int) -> Played:
    """Play journeys from this seed on until there were so many rounds; a failure ends nothing."""
    played = Played()
    while played.rounds < rounds:
        player = Player(rig, journey(seed, kinds), f"journey-{seed}")
        try:
            player.play()
            player.remove()
        except JourneyFailedError as failure:
            played.failures.append(str(failure))
        played.rounds += len(player.journey.rounds)
        played.reads += player.reader.reads
        played.faults.update(player.applied)
        seed += 1
    return played


def _signal(run: tuple[int, Path], number: int) -> None:
    """Send a signal to a run; one that has ended is a zombie of the server's, and takes it."""
    with suppress(ProcessLookupError):
        os.kill(run[0], number)
