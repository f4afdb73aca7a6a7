r"""Regular expressions of DuckDB (RE2) as Java's, which Spark uses.

In RE2, `$` is the very end, `.` anything but a line feed, `\s` and `\b` are ASCII only, and a bracket within a
class is literal.
"""

import re

_SPACES = r"\t\n\f\r "
_OUTSIDE = {
    "s": f"[{_SPACES}]",
    "S": f"[^{_SPACES}]",
    "b": r"(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))",
}


def java_regex(pattern: str, flags: str = "") -> str:
    """Return the pattern that finds in Java what this one finds in RE2."""
    given, rest = _leading_flags(pattern)
    is_multiline = "m" in given
    begin, end = (r"(?:\A|(?<=\n))", r"(?=\n|\z)") if is_multiline else (r"\A", r"\z")
    marks = "d" + ("s" if "s" in given + flags else "") + ("iu" if "i" in given + flags else "")
    return f"(?{marks})" + _translated(rest, begin, end)


def _leading_flags(pattern: str) -> tuple[str, str]:
    if pattern.startswith("(?") and (end := pattern.find(")")) > 0 and pattern[2:end].isalpha():
        return pattern[2:end], pattern[end + 1 :]
    return "", pattern


def _translated(pattern: str, begin: str, end: str) -> str:
    written: list[str] = []
    position, in_class = 0, False
    while position < len(pattern):
        char, step = pattern[position], 1
        if char == "\\":
            step = 2
            written.append(_escaped(pattern[position + 1], in_class))
        elif in_class:
            in_class = char != "]"
            written.append(f"\\{char}" if char in "[&" else char)
        elif char == "[":
            step = _length_of_opening(pattern, position)
            in_class = True
            written.append(pattern[position : position + step].replace("]", r"\]"))
        else:
            written.append({"^": begin, "$": end}.get(char, char))
        position += step
    return "".join(written)


def _escaped(char: str, in_class: bool) -> str:
    if in_class:
        return _SPACES if char == "s" else f"\\{char}"
    return _OUTSIDE.get(char, f"\\{char}")


def _length_of_opening(pattern: str, position: int) -> int:
    """Return the length of `[`, `[^` or either with a closing bracket that stands for itself behind it."""
    length = 2 if pattern[position + 1 : position + 2] == "^" else 1
    return length + (pattern[position + length : position + length + 1] == "]")


def java_replacement(replacement: str) -> str:
    r"""Return the replacement with Java's `$1` for `\1`."""
    return re.sub(r"\\([0-9])", r"$\1", replacement.replace("$", r"\$"))
