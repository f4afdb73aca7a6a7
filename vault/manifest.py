"""The manifest of one backup: a JSON file whose name contains its checksum, written after everything else."""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import AnalyticsError
from vault.errors import DamagedError, VaultError
from vault.places import BACKUPS, Place

FORMAT = 1
LINES, UNDATED, REJECTED, STATES, LAYOUTS = "lines", "undated_lines", "rejected_lines", "file_states", "file_layouts"
FORGOTTEN = "forgotten"
RECORDS = (LINES, UNDATED, REJECTED, STATES, LAYOUTS, FORGOTTEN)
"""The record store's kinds of rows; everything else is a file."""
METABASE = "metabase.dump"
_DIGITS = 16


class Part(BaseModel):
    """A part of a backup's content, stored as one file."""

    model_config = ConfigDict(frozen=True)

    kind: str
    """`lines`, `undated_lines`, `rejected_lines`, `file_states`, `file_layouts`, `forgotten`; or `file`."""
    name: str
    """Its file in the place."""
    sha256: str
    """Of that file."""
    bytes: int
    """Of that file."""
    content_bytes: int
    """Of what is in it, unpacked."""
    rows: int = 0
    digest: str | None = None
    """Of the rows, whatever their order: the sum of their hashes."""
    after: datetime | None = None
    """Of lines: they were ingested after this moment ..."""
    up_to: datetime | None = None
    """... and up to this one."""
    file: str | None = None
    """Of a file: its name. A large one is in several parts, in order."""
    recipient: str | None = None
    """The recipient that it is encrypted for."""


class Manifest(BaseModel):
    """One backup."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    program: str
    """The version that wrote it."""
    created_at: datetime
    seconds: float
    source: str
    """Its source: host and record store."""
    new_bytes: int
    """What this backup added to the place."""
    forgets: tuple[str, ...] = ()
    """The ids of the requests to forget that were completed before it was made."""
    parts: tuple[Part, ...]

    def of(self, *kinds: str) -> list[Part]:
        """Return the parts of these kinds, in order."""
        return [part for part in self.parts if part.kind in kinds]

    def files(self) -> dict[str, list[Part]]:
        """Return the parts of each file."""
        found: dict[str, list[Part]] = {}
        for part in self.parts:
            if part.file:
                found.setdefault(part.file, []).append(part)
        return found

    def count(self, kind: str) -> int:
        """Return the number of rows of a kind."""
        return sum(part.rows for part in self.of(kind))

    @property
    def bytes(self) -> int:
        """Return the size of everything that it needs."""
        return sum({part.name: part.bytes for part in self.parts}.values())


class Backup(BaseModel):
    """A backup in the list: its name and its manifest."""

    model_config = ConfigDict(frozen=True)

    name: str
    manifest: Manifest

    @property
    def id(self) -> str:
        """Its name for people."""
        return self.name.removeprefix(f"{BACKUPS}/").removesuffix(".json")


def write_manifest(place: Place, manifest: Manifest) -> Backup:
    """Write the manifest, which completes a backup."""
    content = manifest.model_dump_json(indent=1, exclude_none=True).encode()
    created = manifest.created_at.astimezone(UTC)
    moment = f"{created:%Y%m%dT%H%M%S}{created.microsecond // 1000:03}Z"
    name = f"{BACKUPS}/{moment}-{sha256(content).hexdigest()[:_DIGITS]}.json"
    place.put(name, content)
    return Backup(name=name, manifest=manifest)


def backup_names(place: Place) -> list[str]:
    """Return the manifests' file names, oldest first."""
    return sorted(name for name in place.list(BACKUPS) if name.endswith(".json"))


def read_backup(place: Place, name: str) -> Backup:
    """Read a backup's manifest. Raises DamagedError if its name does not match its content."""
    content = place.get(name)
    found, expected = sha256(content).hexdigest()[:_DIGITS], name.removesuffix(".json").rpartition("-")[2]
    if found != expected:
        raise DamagedError(f"{name}: expected checksum {expected}, found {found}; take another backup")
    try:
        return Backup(name=name, manifest=Manifest.model_validate_json(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise VaultError(
            f"{name}: {first['msg']}; a newer version may have written it: update claude-analytics"
        ) from None


def readable_backups(place: Place) -> Iterator[Backup]:
    """Yield the readable backups, newest first."""
    for name in reversed(backup_names(place)):
        try:
            yield read_backup(place, name)
        except (AnalyticsError, FileNotFoundError):
            continue


def find_backup(place: Place, wanted: str | None = None) -> Backup:
    """Return the newest backup, or the one with this name prefix. Raises VaultError if there is none."""
    names = [name for name in backup_names(place) if name.startswith(f"{BACKUPS}/{wanted or ''}")]
    if not names:
        found = f"none that starts with {wanted!r}" if wanted else "none"
        raise VaultError(f"{place.name}: expected a backup, found {found}; ./analytics backup list shows them")
    return read_backup(place, names[-1])
