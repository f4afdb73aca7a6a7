"""The marker that ends the description of every object that we made in Metabase.

Metabase makes the `entity_id` of a card itself and drops one that is sent, so a card has no identity that we could give
it but this: its key, a fingerprint of what the files said when it was written, and one of what Metabase kept of that.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNWRITTEN = "0" * 10
"""The fingerprint of a dashboard that was made and has no content yet."""
_MARKER = re.compile(
    r"\s*\[claude-analytics (?P<key>[a-z0-9_.:]+) (?P<wanted>[0-9a-f]{10})(?: (?P<kept>[0-9a-f]{10}))?\]\s*$"
)


@dataclass(frozen=True)
class Marker:
    """The end of our description."""

    key: str
    wanted: str
    """Fingerprint of what the files said when it was written."""
    kept: str
    """Fingerprint of what Metabase kept of that; the same unless Metabase adds or drops something by itself."""


def fingerprint(content: Any) -> str:
    """Return ten characters that change when the content does."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:10]


def marked(description: str, key: str, wanted: str, kept: str | None = None) -> str:
    """Return the description with the marker at its end."""
    return f"{description} [claude-analytics {key} {wanted}{f' {kept}' if kept else ''}]"


def marker_of(description: str | None) -> Marker | None:
    """Read the marker of an object that we made; None for any other."""
    found = _MARKER.search(description or "")
    return Marker(found["key"], found["wanted"], found["kept"] or found["wanted"]) if found else None


def without_marker(description: str | None) -> str:
    """Return the description as people wrote it."""
    return _MARKER.sub("", description or "")


def is_edited(current: Mapping[str, Any], content: Any) -> bool:
    """Whether somebody changed it since we wrote it; one whose marker is gone was changed for certain."""
    marker = marker_of(current.get("description"))
    if marker is None:
        return True
    return marker.wanted != UNWRITTEN and fingerprint(content) not in (marker.wanted, marker.kept)


def is_as_written(current: Mapping[str, Any], content: Any, wanted: str) -> bool:
    """Whether it is what the files want, and nobody changed it."""
    marker = marker_of(current.get("description"))
    return marker is not None and marker.wanted == wanted and not is_edited(current, content)
