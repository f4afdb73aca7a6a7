"""What journeys share: the history, the processes that run it, the servers and the clock."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.fork_server import ForkServer
from tests.faults.servers import Servers
from tests.faults.small_volume import SmallVolume


@dataclass(frozen=True)
class Undisturbed:
    """What one round leaves where nothing happens."""

    published: Path
    lines: str
    """How many lines both copies hold."""
    seconds: float
    calls: int


@dataclass
class Rig:
    """What journeys share: the history, the forking processes, the clock, and the rounds as they are undisturbed."""

    whole: Path
    volume: SmallVolume
    server: ForkServer
    elsewhen: "OtherTime | None" = None
    """What runs at another time; None without libfaketime."""
    servers: Servers | None = None
    """None where everything is on local files."""
    undisturbed: list[Undisturbed] = field(default_factory=list)


class OtherTime:
    """A fork server whose processes believe what time it is that a file says."""

    def __init__(self, library: Path, clock: Path) -> None:
        self._clock = clock
        self.set_clock(0)
        variables = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock)}
        # Without a cache, the file would be read whenever a thread asks for the time: ten times as slow.
        self.server = ForkServer(**variables, FAKETIME_CACHE_DURATION="1", FAKETIME_DONT_FAKE_MONOTONIC="1")

    def set_clock(self, seconds: int) -> None:
        """Let every process that runs believe that it is so many seconds later, from the next second on."""
        self._clock.write_text(f"{seconds:+d}\n", encoding="ascii")

    def close(self) -> None:
        """End the server."""
        self.server.close()


def usable_clock() -> Path | None:
    """Return the library that lets a process believe another time, where this machine has it."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
