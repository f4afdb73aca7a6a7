"""A volume that can be filled and made read-only: a tmpfs for root, else a plain folder with stand-ins for both."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "512m"
"""More than a publication asks for beforehand; a tmpfs takes what is stored in it."""
_SPARE_BYTES = 32 * 1024


class SmallVolume:
    """The folder, and what can happen to it as a whole."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "faults", str(folder)]
        self.folder = folder
        self.is_mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0

    def close(self) -> None:
        """Unmount it, or delete what it holds."""
        if self.is_mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)
        else:
            shutil.rmtree(self.folder)

    def fill(self) -> None:
        """Leave next to no free space. Does nothing on a plain folder: `most_bytes` stands in."""
        while self.is_mounted and not self._is_remounted(f"size={shutil.disk_usage(self.folder).used + _SPARE_BYTES}"):
            continue  # a run wrote meanwhile, so that more is used than would fit

    def free(self) -> None:
        """Give the space back."""
        self._remount(f"size={SIZE}")

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let nobody write inside the block; where it cannot be mounted so, by the folders' modes."""
        if self.is_mounted:
            self._remount("ro")
        else:
            self._chmod(0o500)
        try:
            yield
        finally:
            if self.is_mounted:
                self._remount("rw")
            else:
                self._chmod(0o700)

    def _remount(self, options: str) -> None:
        if self.is_mounted and not self._is_remounted(options):
            raise OSError(f"{self.folder}: expected to remount it with {options}, mount refused")

    def _is_remounted(self, options: str) -> bool:
        command = ["mount", "-o", f"remount,{options}", str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _chmod(self, mode: int) -> None:
        for folder, _, _ in os.walk(self.folder):
            Path(folder).chmod(mode)
