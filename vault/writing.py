"""Writes the content of a backup as parts, and reuses parts of earlier backups."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from typing import Any

from vault.manifest import Manifest, Part
from vault.places import PARTS, Kept, Place
from vault.rows import digest_of
from vault.seal import Seal

PART_BYTES = 32 * 1024 * 1024
"""How much content makes a part: what is in memory at once, a few times over."""


@dataclass
class PartWriter:
    """Keeps content in a place."""

    place: Place
    seal: Seal
    previous: Manifest | None
    kept: dict[str, Kept] = field(default_factory=dict)
    """The parts that are there."""
    new_bytes: int = 0

    def reusable(self, kind: str, file: str | None = None) -> list[Part]:
        """Return the parts of this kind of the last backup that are still there, encrypted for whom they should be."""
        parts = self.previous.of(kind) if self.previous else []
        return [part for part in parts if part.file == file and self._is_there(part)]

    def _is_there(self, part: Part) -> bool:
        kept = self.kept.get(part.name)
        return kept is not None and kept.size == part.bytes and part.recipient == self.seal.recipient

    def rows(self, kind: str, rows: list[bytes], prints: list[int], **more: Any) -> Part:
        """Keep rows as one part; `prints` are the numbers that stand for them."""
        digest = digest_of(prints)
        for part in self.reusable(kind):
            if (part.digest, part.rows) == (digest, len(rows)):
                return part.model_copy(update=more)
        return self._keep(kind, b"".join(row + b"\n" for row in rows), rows=len(rows), digest=digest, **more)

    def file(self, name: str, pieces: Iterable[bytes]) -> list[Part]:
        """Keep a file as one part or several; of an encrypted one no digest of the content is told."""
        known = {part.digest: part for part in self.reusable("file", name) if part.digest}
        parts = []
        for piece in pieces:
            digest = None if self.seal.recipient else blake2b(piece, digest_size=16).hexdigest()
            same = known.get(digest) if digest else None
            parts.append(same or self._keep("file", piece, file=name, digest=digest))
        return parts

    def _keep(self, kind: str, content: bytes, **more: Any) -> Part:
        closed = self.seal.close(content)
        checksum = sha256(closed).hexdigest()
        name = f"{PARTS}/{checksum[:2]}/{checksum}{self.seal.suffix}"
        if name not in self.kept or self.kept[name].size != len(closed):
            self.place.put(name, closed)
            self.new_bytes += len(closed)
        more |= {"bytes": len(closed), "content_bytes": len(content), "recipient": self.seal.recipient}
        return Part(kind=kind, name=name, sha256=checksum, **more)
