"""What happens to a data directory between two runs: files cut short, overwritten, left behind, lost."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.faults.plan import Fault

_PAGE = 4096


def damage(data: Path, fault: Fault) -> None:
    """Do what this fault says; nothing where there is nothing yet to damage."""
    _DAMAGES[fault.kind](data, fault)


def _pick(paths: list[Path], fault: Fault) -> Path | None:
    return sorted(paths)[fault.choice % len(paths)] if paths else None


def truncated_parquet(data: Path, fault: Fault) -> None:
    """Cut a data file of Iceberg short, as a power cut does with what was not flushed; at times to nothing."""
    path = _pick(list((data / "iceberg").rglob("*.parquet")), fault)
    if path is not None:
        os.truncate(path, int(path.stat().st_size * fault.at) if fault.choice % 3 else 0)


def corrupt_database(data: Path, fault: Fault) -> None:
    """Overwrite a page of the work database, its headers among them, or cut it short."""
    path = data / "duckdb" / "work" / "analytics.db"
    if not path.exists():
        return
    size = path.stat().st_size
    if fault.choice % 3 == 0:
        os.truncate(path, int(size * fault.at))
        return
    place = 0 if fault.choice % 3 == 1 else int(size * fault.at) // _PAGE * _PAGE
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes(byte ^ 0x5A for byte in path.read_bytes()[place : place + 3 * _PAGE]))


def stray_wal(data: Path, fault: Fault) -> None:
    """Leave a write-ahead log beside the work database that is none of its own, or cut short, or empty."""
    work = data / "duckdb" / "work"
    work.mkdir(parents=True, exist_ok=True)
    content = (b"", b"not a log", os.urandom(_PAGE), bytes(_PAGE))[fault.choice % 4]
    (work / "analytics.db.wal").write_bytes(content)


def half_made_generation(data: Path, fault: Fault) -> None:
    """Leave a folder as a publication that was cut off does: under way, or with its number and without its manifest."""
    generations = data / "duckdb" / "generations"
    generations.mkdir(parents=True, exist_ok=True)
    number = max((int(path.name) for path in generations.iterdir() if path.name.isdecimal()), default=0) + 1
    folder = generations / (f"{number}.tmp", f"{number}", f"{number + 7}.tmp")[fault.choice % 3]
    folder.mkdir()
    (folder / "analytics.db").write_bytes(os.urandom(_PAGE))
    link = data / "duckdb" / "current.tmp"
    if fault.choice % 2:
        link.symlink_to("generations/nowhere")


def lost_current(data: Path, fault: Fault) -> None:
    """Take away the links that readers follow, or lead them nowhere, or delete the generation behind them."""
    current, well_known = data / "duckdb" / "current", data / "duckdb" / "analytics.db"
    kind = fault.choice % 4
    if kind in (0, 1):
        current.unlink(missing_ok=True)
    if kind in (1, 2):
        well_known.unlink(missing_ok=True)
    if kind == 3 and current.exists():
        shutil.rmtree(current.resolve())


_DAMAGES: dict[str, Callable[[Path, Fault], None]] = {
    "truncated_parquet": truncated_parquet,
    "corrupt_database": corrupt_database,
    "stray_wal": stray_wal,
    "half_made_generation": half_made_generation,
    "lost_current": lost_current,
}
