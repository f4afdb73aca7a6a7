"""Watches the disks of the volumes: which one is full, what that stops, and what to do.

A store whose disk is full is often down as well and cannot report it, so the file systems are checked, not the stores.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LEAST_BYTES = 64 * 2**20
LEAST_SHARE = 0.01
"""A disk with less than either free is full; SeaweedFS rejects writes below one per cent."""
_MIB = 2**20
_STOPS = {
    "mongo": "no new line can be stored",
    "iceberg": "no new line can be extracted",
    "duckdb": "nothing can be built or published",
    "scheduler": "the history of runs cannot be kept",
    "metabase-db": "Metabase cannot keep users, questions and dashboards",
}


@dataclass(frozen=True)
class Volume:
    """One volume and the disk that it lies on."""

    name: str
    device: int
    free_bytes: int
    total_bytes: int

    @property
    def is_full(self) -> bool:
        """Whether a store on it is failing or about to fail."""
        return self.free_bytes < max(LEAST_BYTES, self.total_bytes * LEAST_SHARE)


class DiskWatch:
    """The visible volumes by name."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        """Watch these folders; missing ones are ignored."""
        self._folders = folders

    def volumes(self) -> list[Volume]:
        """Return the free space of each, without root's reserve."""
        return [_measure(name, folder) for name, folder in self._folders.items() if folder.is_dir()]

    def problem(self) -> str | None:
        """Return in one line which disk is full, or None."""
        full = [volume for volume in self.volumes() if volume.is_full]
        return " ".join(_line(disk) for disk in _by_disk(full)) or None


def _measure(name: str, folder: Path) -> Volume:
    found = os.statvfs(folder)  # of the mount: that needs no permission to read its content
    return Volume(name, folder.stat().st_dev, found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def _by_disk(volumes: list[Volume]) -> list[list[Volume]]:
    disks: dict[int, list[Volume]] = {}
    for volume in volumes:
        disks.setdefault(volume.device, []).append(volume)
    return list(disks.values())


def _line(disk: list[Volume]) -> str:
    names, plural = ", ".join(volume.name for volume in disk), "s" if len(disk) > 1 else ""
    room = f"{disk[0].free_bytes // _MIB:,} MiB of {disk[0].total_bytes // _MIB:,} MiB free"
    stops = "; ".join(_STOPS.get(volume.name, f"{volume.name} cannot grow") for volume in disk)
    return (
        f"The disk of the volume{plural} {names} is full ({room}): {stops}."
        " Free some space on it (`docker system df` shows Docker's share); the next run continues automatically."
    )
