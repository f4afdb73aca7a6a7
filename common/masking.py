"""Masks secrets: keys, tokens, private keys, passwords in addresses.

Kingfisher's detectors and those of `secret_rules.yaml` find them. A secret becomes `[secret:KIND:FINGERPRINT]`; the
fingerprint is keyed with this installation's key, so that equal secrets are recognised and none can be guessed.
The loader masks on the way to Iceberg; with MASKING=everywhere, the collector masks before the record store.

A mask changes only text. Lines keep their ids, which are computed from the unmasked line.
"""

import hashlib
import hmac
import os
import re
import secrets
import sys
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from common.documents import NotJson, parse
from common.pattern_search import PatternSearch
from common.private_files import create_file
from common.secret_detectors import KINGFISHER, OWN_RULES, SecretDetectors
from common.settings import Settings, SettingsError

OFF = "off"
"""The label of a table whose rows are not masked."""
_KEY_FILE = "fingerprint.key"
FINGERPRINT_DIGITS = 12
MASK = re.compile(r"\[secret:([a-z0-9-]+):([0-9a-f]{12})\]")
"""A mask: the kind of the secret and its fingerprint."""
_MASK_BYTES = re.compile(MASK.pattern.encode())

BEGINNINGS = (
    "|".join(
        (
            "AKIA[A-Z0-9]|ASIA[A-Z0-9]|ABIA[A-Z0-9]|ACCA[A-Z0-9]|A3T[A-Z0-9]{5}",
            "gh[opsur]_[A-Za-z0-9]|github_pat_|gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-|GR1348941",
            r"xox[a-z]-|xapp-\d|hooks\.slack|sk-[A-Za-z0-9]|[rs]k_live_|[rs]k_test_|whsec_|AIza|GOCSPX|ya29\.",
            r"eyJ[A-Za-z0-9_=-]+\.eyJ|PRIVATE KEY|npm_|pypi-AgE|SG\.[A-Za-z0-9]|hf_[A-Za-z]|do[oprt]_v1_|hv[sbr]\.",
            "dapi[0-9a-f]|shp[a-z]{2}_|AccountKey|lin_api_|ntn_|sq0[a-z]{3}-|glsa_|PMAK|NRAK|xkeysib|sntrys|sgp_",
            r"ATATT|ATCTT|figd_|tskey-|pscale_|AGE-SECRET-KEY-|pplx-|gsk_[A-Za-z0-9]|xai-|nvapi-|sbp_|dp\.[ps]t\.",
            "SK[0-9a-f]{32}|[0-9]{8}:AA[A-Za-z0-9]|-us[0-9]|r8_[A-Za-z0-9]|vercel|AC[0-9a-f]{32}",
        )
    ),
    r'://[^\s/:@"\\]+:[^\s/@"\\]+@',
    r"(?i:passw|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[A-Za-z0-9_-]*"
    r"""[\\"' ]*[:=]+>?[\\"' ]*[A-Za-z0-9+/_.~!@#%&*^?-]{8}"""
    r"""|(?i:authorization[\\"']* *[:=,][\\"' ]*(?:bearer|basic|token)) """,
)
"""How secrets begin. The loader passes only such lines to the detectors: this search is the cheapest step."""
_ESCAPES = ((rb"\n", b" \n"), (rb"\r", b" \r"), (rb"\t", b" \t"), (rb"\"", b' "'))


class _Found(NamedTuple):
    start: int
    end: int
    kind: str


class Masker:
    """Finds secrets and masks them, with the key for their fingerprints."""

    def __init__(self, key: bytes, rule_cache: Path | None = None) -> None:
        self.key = key
        self.beginnings = PatternSearch(BEGINNINGS, rule_cache)
        self._detectors = SecretDetectors(rule_cache)

    @classmethod
    def of(cls, settings: Settings) -> "Masker | None":
        """Return the configured masker, or None if masking is off."""
        return None if settings.masking == "off" else cls(_key_of(settings), rule_cache(settings))

    @classmethod
    def before_record_store(cls, settings: Settings) -> "Masker | None":
        """Return the collector's masker, or None if the record store stores lines unmasked."""
        return cls.of(settings) if settings.masking == "everywhere" else None

    @cached_property
    def label(self) -> str:
        """The version of detectors and key: rows that were masked under another label are masked again."""
        rules = hashlib.sha256(OWN_RULES.read_bytes() + repr(BEGINNINGS).encode()).hexdigest()[:8]
        return f"{version(KINGFISHER)}-{rules}-{self._digest(b'label')[:8]}"

    def document(self, raw: bytes) -> bytes:
        """Return a document with its secrets masked; JSON stays valid JSON."""
        masked = self.text(raw)
        if masked == raw or _is_json(masked) or not _is_json(raw):
            return masked
        return orjson.dumps(self._inside(parse(memoryview(raw)).value))

    def text(self, raw: bytes) -> bytes:
        """Return text with its secrets masked, wherever they are in it."""
        parts, end = [], 0
        for found in self._find(raw):
            secret = raw[found.start : found.end]
            mask = f"[secret:{found.kind}:{self._digest(secret)[:FINGERPRINT_DIGITS]}]"
            parts += [raw[end : found.start], mask.encode()]
            end = found.end
        return b"".join([*parts, raw[end:]]) if parts else raw

    def _find(self, raw: bytes) -> list[_Found]:
        """Return the secrets in order; of two that overlap, the one that begins first or is longer."""
        # An escaped line break ends in a letter, so the text after it would not begin a word.
        readable = raw
        for escape, meant in _ESCAPES:
            readable = readable.replace(escape, meant)
        places = [(found.location, _kind(found.rule_id)) for found in self._detectors.find(readable)]
        found = sorted(
            (_Found(place["start_offset"], place["end_offset"], kind) for place, kind in places),
            key=lambda secret: (secret.start, -secret.end, secret.kind),
        )
        masks = [mask.span() for mask in _MASK_BYTES.finditer(raw)] if found else []  # already masked: not a secret
        kept: list[_Found] = []
        for secret in found:
            if any(secret.start < end and start < secret.end for start, end in masks):
                continue
            if not kept or secret.start >= kept[-1].end:
                kept.append(secret)
        return kept

    def _inside(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value.encode("utf-8", "replace")).decode("utf-8", "replace")
        if isinstance(value, dict):
            return {key: self._inside(inner) for key, inner in value.items()}
        return [self._inside(inner) for inner in value] if isinstance(value, list) else value

    def _digest(self, secret: bytes) -> str:
        return hmac.digest(self.key, secret, "sha256").hex()


def _kind(rule_id: str) -> str:
    """Return the kind of secret that a rule finds, without the name of the rule's collection."""
    return re.sub("[^a-z0-9]+", "-", re.split("[./]", rule_id)[-1].lower()).strip("-")


def _is_json(raw: bytes) -> bool:
    try:
        parse(memoryview(raw))
    except NotJson:
        return False
    return True


def rule_cache(settings: Settings) -> Path | None:
    """Return the folder for compiled rules, or None if no folder is writable, as in the collector's container."""
    environment = Path(sys.prefix)
    if os.access(environment, os.W_OK):
        return environment / "share" / "claude-analytics" / "secret-rules"
    return settings.duckdb_dir / "work" / "secret-rules" if settings.duckdb_dir.exists() else None


def _key_of(settings: Settings) -> bytes:
    """Return the key for fingerprints: FINGERPRINT_KEY, or the data directory's, generated at first use."""
    if settings.fingerprint_key:
        return settings.fingerprint_key.get_secret_value().encode()
    path = settings.data_dir / _KEY_FILE
    try:
        if not path.exists():
            create_file(path, secrets.token_urlsafe(32).encode())
        key = path.read_text(encoding="ascii").strip().encode()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; set FINGERPRINT_KEY, or make the folder writable") from None
    if not key:
        raise SettingsError(f"{path}: expected a key, found an empty file; delete it to have a new one created")
    return key
