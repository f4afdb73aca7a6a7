"""A full disk is one line with the names of the volumes on it, what it stops, and what to do."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from scheduler.disk_watch import DiskWatch

MIB = 2**20


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """MiB free by name of the folder; each is on a disk of 400 MiB."""
    found: dict[str, int] = {}

    def statvfs(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(f_bavail=found[folder.name] * 256, f_blocks=400 * 256, f_frsize=4096)

    monkeypatch.setattr(os, "statvfs", statvfs)
    return found


def watch(folder: Path, *names: str) -> DiskWatch:
    for name in names:
        (folder / name).mkdir()
    return DiskWatch({name: folder / name for name in (*names, "not-mounted")})


def test_a_full_disk_is_named_by_its_volume_with_what_it_stops(tmp_path: Path, free: dict[str, int]) -> None:
    disks = watch(tmp_path, "mongo", "iceberg")
    free |= {"mongo": 300, "iceberg": 300}
    assert disks.problem() is None
    free["mongo"] = 12
    assert disks.problem() == (
        "The disk of the volume mongo is full (12 MiB of 400 MiB free): no new line can be stored."
        " Free some space on it (`docker system df` shows Docker's share); the next run continues automatically."
    )


def test_volumes_on_one_disk_share_a_line(tmp_path: Path, free: dict[str, int]) -> None:
    disks = watch(tmp_path, "mongo", "duckdb")
    free |= {"mongo": 0, "duckdb": 0}
    said = str(disks.problem())
    assert said.startswith("The disk of the volumes mongo, duckdb is full (0 MiB of 400 MiB free): ")
    assert "no new line can be stored; nothing can be built or published" in said


def test_one_per_cent_is_too_little_on_a_large_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SeaweedFS stops there."""
    disks = watch(tmp_path, "iceberg")
    for share, is_full in ((0.009, True), (0.011, False)):
        blocks = 2**28  # 1 TiB
        found = SimpleNamespace(f_bavail=int(blocks * share), f_blocks=blocks, f_frsize=4096)
        monkeypatch.setattr(os, "statvfs", lambda _, found=found: found)
        assert [volume.is_full for volume in disks.volumes()] == [is_full]
