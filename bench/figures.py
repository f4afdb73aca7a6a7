"""The measurements, as printed in JSON. Seconds, bytes, documents; MB are 10**6 bytes, MiB 2**20."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Spread:
    """The median of some measurements, the smallest and the largest."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> "Spread | None":
        """Return None where nothing was recorded."""
        known = sorted(round(value, 4) for value in values if value is not None)
        return cls(round(median(known), 4), known[0], known[-1]) if known else None

    def __str__(self) -> str:
        return (
            f"{self.median:,.2f}" if self.min == self.max else f"{self.median:,.2f} ({self.min:,.2f}-{self.max:,.2f})"
        )


@dataclass(frozen=True)
class Sample:
    """One measurement of one stage."""

    seconds: float
    cpu_seconds: float | None = None
    steps: dict[str, float] = field(default_factory=dict)
    """By step of a run; `start_up` is the time before the first step, `published` the time until publication."""
    peak_mib: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """One stage, measured once or several times."""

    runs: int
    seconds: Spread
    docs_per_second: Spread | None
    mb_per_second: Spread | None
    cpu_seconds: Spread | None
    steps: dict[str, Spread]
    peak_mib: dict[str, float]
    """By process, the most of all runs."""

    @classmethod
    def of(cls, samples: Sequence[Sample], documents: int = 0, size: int = 0) -> "Stage":
        """Sum up measurements; `documents` and `size` (bytes) are what each of them dealt with."""
        seconds = Spread.of(sample.seconds for sample in samples)
        assert seconds is not None
        steps = {name: Spread.of(sample.steps.get(name) for sample in samples) for name in samples[0].steps}
        names = {name for sample in samples for name in sample.peak_mib}
        return cls(
            runs=len(samples),
            seconds=seconds,
            docs_per_second=Spread.of(documents / sample.seconds for sample in samples) if documents else None,
            mb_per_second=Spread.of(size / 1e6 / sample.seconds for sample in samples) if size else None,
            cpu_seconds=Spread.of(sample.cpu_seconds for sample in samples),
            steps={name: spread for name, spread in steps.items() if spread is not None},
            peak_mib={name: max(sample.peak_mib.get(name, 0) for sample in samples) for name in sorted(names)},
        )


@dataclass(frozen=True)
class Absent:
    """What was not measured, and why."""

    reason: str


@dataclass
class Size:
    """Everything measured at one size."""

    lines: int
    documents: int
    """Lines, and the notes beside the transcripts of sub-agents."""
    new_lines: int
    """Lines added to the history between two runs."""
    stages: dict[str, Stage | Absent] = field(default_factory=dict)
    baselines: dict[str, Stage | Absent] = field(default_factory=dict)
    stores: dict[str, int] = field(default_factory=dict)
    """Bytes on disk: what the files hold, not what they take in blocks."""

    def stage(self, name: str) -> Stage | None:
        """Return a stage or a baseline that was measured."""
        found = self.stages.get(name) or self.baselines.get(name)
        return found if isinstance(found, Stage) else None

    def reason(self, name: str) -> str:
        """Return why a stage or a baseline is missing."""
        found = self.stages.get(name) or self.baselines.get(name)
        return found.reason if isinstance(found, Absent) else f"{name} was not measured"
