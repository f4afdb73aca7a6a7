"""Masks the secrets of a line before it is stored."""

from dataclasses import replace

from common.masking import Masker
from records.lines import Line, parse


def masked_line(masker: Masker, line: Line) -> Line:
    """Return a line with its secrets masked; the line itself if it has none."""
    raw = masker.text(line.raw) if line.value is None else masker.document(line.raw)
    if raw == line.raw:
        return line
    if line.value is None:
        return replace(line, raw=raw)
    masked = parse(raw)
    if len(masked) != 1:  # a mask is inside a text, so this needs a detector that finds braces
        return Line(raw, line.start, None, "not JSON once its secrets are masked")
    return replace(masked[0], start=line.start)
