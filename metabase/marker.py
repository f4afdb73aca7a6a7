"""The marker at the end of the description of every object that we created in Metabase.

Metabase generates the `entity_id` of a card and ignores ours, so the marker is the only identity that we can set:
the key, a fingerprint of the files' content when it was written, and one of what Metabase stored of that.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNWRITTEN = "0" * 10
"""The fingerprint of a new dashboard without content."""
_MARKER = re.compile(
    r"\s*\[claude-analytics (?P<key>[a-z0-9_.:]+) (?P<wanted>[0-9a-f]{10})(?: (?P<kept>[0-9a-f]{10}))?\]\s*$"
)


@dataclass(frozen=True)
class Marker:
    """The end of our description."""

    key: str
    wanted: str
    """Fingerprint of the files' content when it was written."""
    kept: str
    """Fingerprint of what Metabase stored of that; the same unless Metabase adds or drops something."""


def fingerprint(content: Any) -> str:
    """Return ten characters that change when the content does."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:10]


def marked(description: str, key: str, wanted: str, kept: str | None = None) -> str:
    """Return the description with the marker at its end."""
    return f"{description} [claude-analytics {key} {wanted}{f' {kept}' if kept else ''}]"


def marker_of(description: str | None) -> Marker | None:
    """Return the marker of an object that we created; None for any other."""
    found = _MARKER.search(description or "")
    return Marker(found["key"], found["wanted"], found["kept"] or found["wanted"]) if found else None


def without_marker(description: str | None) -> str:
    """Return the description as people wrote it."""
    return _MARKER.sub("", description or "")


def is_edited(current: Mapping[str, Any], content: Any) -> bool:
    """Return whether a user changed it since we wrote it; if its marker is gone, it was changed."""
    marker = marker_of(current.get("description"))
    if marker is None:
        return True
    return marker.wanted != UNWRITTEN and fingerprint(content) not in (marker.wanted, marker.kept)


def is_as_written(current: Mapping[str, Any], content: Any, wanted: str) -> bool:
    """Return whether it matches the files, and no user changed it."""
    marker = marker_of(current.get("description"))
    return marker is not None and marker.wanted == wanted and not is_edited(current, content)
