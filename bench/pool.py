"""Large texts to take slices from: as fast as copying memory, and no two slices are alike."""

from itertools import accumulate
from random import Random

_WORDS, _TEXT_BYTES, _PICTURE_BYTES = 6_000, 2 * 1024 * 1024, 1024 * 1024
_REPEATED = 0.4
_LETTERS = "etaoinshrdlucmfwypvbgk"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Pool:
    """Text that compresses like the output of tools, and base64 that does not compress; both valid inside JSON."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - the point is that it repeats
        self._text = _prose(self._random)
        self._picture = self._random.randbytes(_PICTURE_BYTES).translate(_BASE64 * 4)

    def reseed(self, seed: int) -> None:
        """Let the slices that follow depend on this number alone."""
        self._random.seed(seed)

    def text(self, length: int) -> bytes:
        """Return a slice of text, its line ends escaped."""
        taken = self._slice(self._text, length)
        return taken[:-1] + b" " if taken.endswith(b"\\") else taken

    def picture(self, length: int) -> bytes:
        """Return a slice of base64."""
        return self._slice(self._picture, length)

    def _slice(self, source: bytes, length: int) -> bytes:
        start = int(self._random.random() * (len(source) - length))
        return source[start : start + length]


def _prose(random: Random) -> bytes:
    """Return words, frequent ones often, a line end after about ten; some lines repeat, as they do in logs and code."""
    words = ["".join(random.choices(_LETTERS, k=random.randint(2, 11))) for _ in range(_WORDS)]
    weights = list(accumulate(1 / rank for rank in range(2, _WORDS + 2)))
    stream = random.choices(words, cum_weights=weights, k=_TEXT_BYTES // 7)
    lines: list[str] = []
    at = 0
    while at < len(stream):
        if lines and random.random() < _REPEATED:
            lines.append(random.choice(lines[-40:]))
            continue
        end = at + random.randint(2, 16)
        lines.append(" ".join(stream[at:end]))
        at = end
    return "\\n".join(lines).encode()
