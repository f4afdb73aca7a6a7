"""Protects the key of a place with a passphrase, in age's own format.

age measures the machine each time, to make a guess take about a second: on a busy machine it would protect too weakly,
or refuse to open what it wrote. So we ask again until the measure is a usual one.
"""

import re
from functools import lru_cache

import pyrage

from vault.errors import VaultError
from vault.places import KEY

LEAST_WORK, MOST_WORK = 16, 20
"""As powers of two: a good part of a second for each guess, and not out of reach of a slow machine."""
_ATTEMPTS = 50
_WORK = re.compile(rb"-> scrypt \S+ (\d+)\n")


def lock(key: bytes, passphrase: str) -> bytes:
    """Encrypt a key for a passphrase."""
    for _ in range(_ATTEMPTS):
        locked: bytes = pyrage.passphrase.encrypt(key, passphrase)
        if LEAST_WORK <= work_of(locked) <= MOST_WORK:
            return locked
    raise VaultError("BACKUP_PASSPHRASE: this machine is too busy to protect a key well; try again later")


def work_of(locked: bytes) -> int:
    """Return what a guess costs, as a power of two; 0 where nothing says it."""
    found = _WORK.search(locked)
    return int(found[1]) if found else 0


@lru_cache(maxsize=1)  # of a service that makes backups each hour
def unlock(locked: bytes, passphrase: str, place: str) -> str:
    """Decrypt the key of a place. Raises VaultError for another passphrase."""
    for _ in range(_ATTEMPTS):
        try:
            return str(pyrage.passphrase.decrypt(locked, passphrase).decode())
        except pyrage.DecryptError as error:
            if "Excessive work" not in str(error):
                remedy = "use the passphrase of the first backup there"
                raise VaultError(f"{place}: the passphrase does not open {KEY}; {remedy}") from None
    raise VaultError(
        f"{place}: this machine is too busy or too slow to open {KEY}; try again later, or on another machine"
    )
