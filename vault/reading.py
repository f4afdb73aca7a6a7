"""Reads parts and verifies them: checksum of the file, number and digest of the rows."""

from collections.abc import Iterator
from hashlib import sha256

from vault.errors import DamagedError
from vault.manifest import LINES, RECORDS, UNDATED, Backup, Part
from vault.places import Place
from vault.rows import digest_of, line_of, line_print, print_of, rows_of
from vault.seal import Key


def read_closed(place: Place, part: Part) -> bytes:
    """Return a part as stored. Raises DamagedError if it is missing or its checksum differs."""
    try:
        closed = place.get(part.name)
    except FileNotFoundError:
        expected = f"expected {part.bytes:,} bytes, found no such file"
        raise DamagedError(f"{part.name}: {expected}; take another backup") from None
    found = sha256(closed).hexdigest()
    if found != part.sha256:
        raise DamagedError(f"{part.name}: expected checksum {part.sha256}, found {found}; take another backup")
    return closed


def read_part(place: Place, part: Part, key: Key) -> bytes:
    """Return the content of a part, with all checks."""
    content = key.open(read_closed(place, part), part.name)
    if len(content) != part.content_bytes:
        raise DamagedError(f"{part.name}: expected {part.content_bytes:,} bytes of content, found {len(content):,}")
    if part.kind in RECORDS:
        _check_rows(part, list(rows_of(content)))
    return content


def _check_rows(part: Part, rows: list[bytes]) -> None:
    are_lines = part.kind in (LINES, UNDATED)
    digest = digest_of(line_print(line_of(row)) if are_lines else print_of(row) for row in rows)
    if (len(rows), digest) != (part.rows, part.digest):
        expected = f"expected {part.rows:,} rows of digest {part.digest}"
        raise DamagedError(f"{part.name}: {expected}, found {len(rows):,} of {digest}; take another backup")


def verify(place: Place, backup: Backup, key: Key | None) -> Iterator[tuple[Part, str | None]]:
    """Yield each part of a backup with what is wrong with it, or None. Without a key only its checksum is looked at."""
    seen: set[str] = set()
    for part in backup.manifest.parts:
        if part.name in seen:
            continue
        seen.add(part.name)
        try:
            if key is None:
                read_closed(place, part)
            else:
                read_part(place, part, key)
        except DamagedError as error:
            yield part, str(error)
        else:
            yield part, None
