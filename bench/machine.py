"""The machine of the measurement, and the versions used."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from common import VERSION

_PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "pyiceberg", "pymongo", "orjson", "dlt", "secantusdb")


def machine() -> dict[str, Any]:
    """Describe this machine. The load is that of the last minute: above zero, something else was at work, too."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cores": cores,
        "processor": _processor(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "claude_analytics": VERSION,
        "commit": commit(Path(__file__).resolve().parent),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def commit(folder: Path) -> str | None:
    """Return the commit of a checkout, or None where there is no telling."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return answer.stdout.strip() or None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
