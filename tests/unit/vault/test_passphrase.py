"""The key of a place is protected well, and opened, however busy the machine is.

That it opens with its passphrase alone is shown by tests/integration/vault/test_backup_places.py.
"""

from typing import Any

import pyrage
import pytest

from vault import passphrase
from vault.errors import VaultError


class BusyMachine:
    """Stands where age stands: measures wrongly at first, as it does while others work."""

    def __init__(self, wrong: int) -> None:
        self.wrong = wrong

    def encrypt(self, key: bytes, _: str) -> bytes:  # noqa: D102 (the class says it)
        self.wrong -= 1
        return b"-> scrypt salt %d\n" % (12 if self.wrong >= 0 else 18) + key

    def decrypt(self, locked: bytes, _: str) -> bytes:  # noqa: D102 (as above)
        self.wrong -= 1
        if self.wrong >= 0:
            raise pyrage.DecryptError("Excessive work parameter for passphrase.")
        return locked.partition(b"\n")[2]


def test_a_busy_machine_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    machine: Any = BusyMachine(3)
    monkeypatch.setattr(pyrage, "passphrase", machine)
    locked = passphrase.lock(b"the key", "right")
    assert passphrase.work_of(locked) == 18
    machine.wrong = 3
    assert passphrase.unlock(locked, "right", "place") == "the key"
    assert passphrase.unlock(locked, "right", "place") == "the key", "nothing is asked again"
    passphrase.unlock.cache_clear()
    machine.wrong = 1000
    with pytest.raises(VaultError, match="too busy or too slow"):
        passphrase.unlock(locked, "right", "place")
    with pytest.raises(VaultError, match="too busy to protect"):
        passphrase.lock(b"the key", "right")
