"""The plan of faults: a seed makes a journey of rounds, a round some faults. The same seed makes the same plan.

What depends on the machine's speed (which instruction a signal finds) is not part of it; `at_call` is: a run is killed
at the same call each time.
"""

from dataclasses import dataclass
from random import Random

ROUNDS_OF_A_JOURNEY = 4

DURING = ("killed_at_call", "killed_at_time", "stopped", "full_disk", "clock_jump", "two_runs")
BETWEEN = (
    "read_only_volume",
    "truncated_parquet",
    "corrupt_database",
    "stray_wal",
    "half_made_generation",
    "lost_current",
)
SERVERS = ("server_restart", "network_cut", "killed_at_call", "killed_at_time", "two_runs", *BETWEEN[2:])
"""Those of the appliance's chain; a data file that is cut short is planted in the loader's own tests."""


@dataclass(frozen=True)
class Fault:
    """One fault."""

    kind: str
    at: float
    """When in a run, as a share of an undisturbed one: 0 to 1."""
    choice: int
    """Which of several things of this kind."""

    def __str__(self) -> str:
        return f"{self.kind}({self.at:.3f}, {self.choice})"


@dataclass(frozen=True)
class Journey:
    """A data directory's life: in each round the history grows, the faults come, and one ordinary run follows."""

    seed: int
    rounds: tuple[tuple[Fault, ...], ...]


def journey(seed: int, kinds: tuple[str, ...], rounds: int = ROUNDS_OF_A_JOURNEY) -> Journey:
    """Return the journey of this seed over these kinds of faults."""
    random = Random(seed)
    return Journey(seed, tuple(_round(random, kinds) for _ in range(rounds)))


def _round(random: Random, kinds: tuple[str, ...]) -> tuple[Fault, ...]:
    names = random.sample(kinds, k=random.choice((1, 1, 2)))
    return tuple(Fault(name, random.random(), random.randrange(1 << 16)) for name in names)
