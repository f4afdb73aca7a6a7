"""The loader's metrics in Prometheus' text format: its running step, and its disk."""

import shutil
from pathlib import Path

PREFIX = "claude_analytics_loader"


def render_metrics(step: str | None, done: int, folder: Path) -> str:
    """Return the text that Prometheus scrapes.

    Args:
        step: the running step, or None if the loader is idle.
        done: rows or documents that the step has done.
        folder: a folder of the DuckDB volume, for the disk that it is on.
    """
    here = next(path for path in (folder, *folder.parents) if path.exists())
    usage = shutil.disk_usage(here)
    figures = (
        ("busy", "1 while a step runs", float(step is not None)),
        ("step_done", "Documents or rows that the running step has done", float(done)),
        ("disk_free_bytes", "Free bytes on the work database's file system", float(usage.free)),
        ("disk_bytes", "Bytes of that file system", float(usage.total)),
    )
    return "".join(_gauge(f"{PREFIX}_{name}", text, value) for name, text, value in figures)


def _gauge(name: str, text: str, value: float) -> str:
    return f"# HELP {name} {text}\n# TYPE {name} gauge\n{name} {value}\n"
