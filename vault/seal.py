"""Turns content into what a backup keeps and back: compressed with zstd, and encrypted with age where a key is given.

With a passphrase the parts are encrypted for a key of the place, `key.age`, which the passphrase protects: age makes
each use of a passphrase take a second, and a backup has many parts. age's own program opens both.
"""

from dataclasses import dataclass

import zstandard
from pydantic import SecretStr

from common.settings import Settings
from vault.errors import DamagedError, VaultError
from vault.passphrase import lock, unlock
from vault.places import KEY, Place

LEVEL = 6
_MOST_BYTES = 2**32


@dataclass(frozen=True, slots=True)
class Seal:
    """How content is kept: compressed, and encrypted for this recipient."""

    recipient: str | None = None
    """The public key, as age writes it."""

    @property
    def suffix(self) -> str:
        """What the names of parts end with."""
        return ".zst.age" if self.recipient else ".zst"

    def close(self, content: bytes) -> bytes:
        """Return content as it is kept."""
        packed: bytes = zstandard.ZstdCompressor(level=LEVEL, threads=2, write_checksum=True).compress(content)
        if self.recipient is None:
            return packed
        import pyrage  # noqa: PLC0415 - only who encrypts needs it

        return bytes(pyrage.encrypt(packed, [pyrage.x25519.Recipient.from_str(self.recipient)]))


@dataclass(frozen=True, slots=True)
class Key:
    """What opens content again: age's identity, or nothing where it is not encrypted."""

    identity: SecretStr | None = None

    def open(self, kept: bytes, name: str) -> bytes:
        """Return the content. Raises VaultError without the key, DamagedError where it is not what was written."""
        if name.endswith(".age"):
            kept = self._decrypt(kept, name)
        try:
            return zstandard.ZstdDecompressor().decompress(kept, max_output_size=_MOST_BYTES)
        except zstandard.ZstdError as error:
            raise DamagedError(f"{name}: expected zstd, found: {error}; take another backup") from None

    def _decrypt(self, kept: bytes, name: str) -> bytes:
        import pyrage  # noqa: PLC0415 - only who encrypts needs it

        if self.identity is None:
            raise VaultError(
                "the backup is encrypted: expected BACKUP_PASSPHRASE or BACKUP_IDENTITY (or their _FILE), found neither"
            )
        try:
            identity = pyrage.x25519.Identity.from_str(self.identity.get_secret_value())
            return bytes(pyrage.decrypt(kept, [identity]))
        except pyrage.DecryptError:
            raise VaultError(
                f"{name}: the key does not open it; use the identity that belongs to the backup's recipient"
            ) from None


def seal_of(place: Place, settings: Settings) -> Seal:
    """Return how the settings want content to be kept; with a passphrase, make the place's key where it has none."""
    if settings.backup_recipient:
        return Seal(_checked_recipient(settings.backup_recipient))
    if settings.backup_passphrase is None:
        return Seal()
    import pyrage  # noqa: PLC0415 - only who encrypts needs it

    passphrase = settings.backup_passphrase.get_secret_value()
    try:
        identity = unlock(place.get(KEY), passphrase, place.name)
    except FileNotFoundError:
        identity = str(pyrage.x25519.Identity.generate())
        place.put(KEY, lock(identity.encode(), passphrase))
    return Seal(str(pyrage.x25519.Identity.from_str(identity).to_public()))


def key_of(place: Place, settings: Settings) -> Key:
    """Return what opens the backups of a place, as far as the settings have it."""
    if settings.backup_identity is not None:
        return Key(SecretStr(_identity_in(settings.backup_identity.get_secret_value())))
    if settings.backup_passphrase is None:
        return Key()
    try:
        kept = place.get(KEY)
    except FileNotFoundError:
        return Key()
    return Key(SecretStr(unlock(kept, settings.backup_passphrase.get_secret_value(), place.name)))


def _checked_recipient(text: str) -> str:
    import pyrage  # noqa: PLC0415 - only who encrypts needs it

    try:
        return str(pyrage.x25519.Recipient.from_str(text))
    except pyrage.RecipientError:
        raise VaultError(
            "BACKUP_RECIPIENT: expected a public key of age such as age1...; age-keygen makes one"
        ) from None


def _identity_in(text: str) -> str:
    """Return the key in what age-keygen wrote, comments and all."""
    import pyrage  # noqa: PLC0415 - only who encrypts needs it

    identity = next((line for line in text.split() if line.startswith("AGE-SECRET-KEY-")), "")
    try:
        return str(pyrage.x25519.Identity.from_str(identity))
    except pyrage.IdentityError:
        raise VaultError("BACKUP_IDENTITY: expected a key that starts with AGE-SECRET-KEY-, found none") from None
