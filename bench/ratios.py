"""The ratios of one benchmark run: machines differ, so ratios are more comparable than times.

`RATIOS` defines what each one divides. A ratio without a value has a reason.
"""

from collections.abc import Callable, Sequence

from bench.figures import Size, Stage

ONE_SIZE = "only one size was measured; give --lines twice"


class Missing(Exception):
    """A part of a ratio was not measured; the message says why."""


def _stage(size: Size, name: str) -> Stage:
    stage = size.stage(name)
    if stage is None:
        raise Missing(size.reason(name))
    return stage


def _seconds(size: Size, name: str, step: str | None = None) -> float:
    stage = _stage(size, name)
    if step is None:
        return stage.seconds.median
    if step not in stage.steps:
        raise Missing(f"{name} has no step {step}")
    return stage.steps[step].median


def _cpu(size: Size, name: str) -> float:
    spent = _stage(size, name).cpu_seconds
    if spent is None or not spent.median:
        raise Missing(f"the CPU time of {name} was not recorded")
    return spent.median


def _between_sizes(stage: str) -> Callable[[Size, Size], float]:
    def ratio(smallest: Size, largest: Size) -> float:
        if smallest is largest:
            raise Missing(ONE_SIZE)
        return _seconds(largest, stage) / _seconds(smallest, stage)

    return ratio


def _rate(size: Size) -> float:
    return size.documents / _seconds(size, "first_import")


def _first_import_rate(smallest: Size, largest: Size) -> float:
    if smallest is largest:
        raise Missing(ONE_SIZE)
    return _rate(largest) / _rate(smallest)


RATIOS: dict[str, Callable[[Size, Size], float]] = {
    # documents a second: ours over theirs, more is better
    "extract_vs_raw_drain": lambda _, size: _seconds(size, "raw_drain") / _seconds(size, "extract"),
    "end_to_end_vs_dlt": lambda _, size: _seconds(size, "dlt_landing") / _seconds(size, "end_to_end", "published"),
    "end_to_end_vs_dlt_parquet": lambda _, size: (
        _seconds(size, "dlt_parquet") / _seconds(size, "end_to_end", "published")
    ),
    "first_import_vs_earlier": lambda _, size: _seconds(size, "first_import_earlier") / _seconds(size, "first_import"),
    "first_import_1m_vs_50k": _first_import_rate,
    # seconds or bytes: ours over theirs, less is better
    "extract_cpu_vs_flatten_path": lambda _, size: _cpu(size, "extract") / _cpu(size, "flatten_path"),
    "incremental_1m_vs_50k": _between_sizes("new_lines"),
    "incremental_warm_1m_vs_50k": _between_sizes("new_lines_warm"),
    "daily_usage_vs_ccusage": lambda _, size: _seconds(size, "daily_usage") / _seconds(size, "ccusage"),
    "published_vs_transcripts": lambda _, size: size.stores["published"] / size.stores["transcripts"],
}
"""By name, from the smallest and the largest size of the sitting."""


def ratios_of(sizes: Sequence[Size]) -> tuple[dict[str, float | None], dict[str, str]]:
    """Return the ratios, and for each that is None the reason."""
    ordered = sorted(sizes, key=lambda size: size.lines)
    ratios: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name, ratio in RATIOS.items():
        try:
            ratios[name] = round(ratio(ordered[0], ordered[-1]), 4)
        except Missing as missing:
            ratios[name], reasons[name] = None, str(missing)
    return ratios, reasons
