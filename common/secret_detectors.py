"""Kingfisher's detectors and those of `secret_rules.yaml`; only those whose expression matches are loaded.

Loading all of nearly five hundred costs as much as a search through a gigabyte, and most histories need three of them.
The findings are the same: a detector whose expression does not match finds nothing. The detectors that match in one
text are loaded together, because one of two with the same finding gives way.
"""

import hashlib
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, NamedTuple

import orjson

from common.pattern_search import PatternSearch
from common.private_files import replace_file

if TYPE_CHECKING:
    from kingfisher_sdk import Finding, Rules, Scanner

KINGFISHER = "kingfisher-secret-scanner"
OWN_RULES = Path(__file__).with_name("secret_rules.yaml")
_OWN = "claude-analytics."
MOST_SCANNERS = 16
"""The most sets of detectors to load separately; a history with more of them loads all detectors."""


class _Rule(NamedTuple):
    rule_id: str
    expression: str
    definition: str
    """JSON: as Python values, all definitions would be a hundred thousand objects for the garbage collector."""


class SecretDetectors:
    """Finds secrets in texts. Compiled expressions are cached in a folder if there is one."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._scanners: dict[frozenset[int], Scanner] = {}

    def find(self, text: bytes) -> "list[Finding]":
        """Return the findings, without those that only serve other detectors."""
        matching: set[int] = set()
        self._patterns.search(text, lambda rule, end: matching.add(rule))
        own = self._own if matching & self._own else frozenset[int]()  # never give way: one set serves all texts
        sets = filter(None, (own, frozenset(matching - self._own)))
        return [finding for rules in sets for finding in self._scanner(rules).scan(text) if finding.visible]

    def _scanner(self, rules: frozenset[int]) -> "Scanner":
        from kingfisher_sdk import Scanner  # noqa: PLC0415 (most loads need none)

        if rules not in self._scanners and len(self._scanners) >= MOST_SCANNERS:
            rules = frozenset(range(len(self._rules))) - self._own
        if rules not in self._scanners:
            with NamedTemporaryFile(suffix=".yaml") as file:
                definitions = ",".join(self._rules[rule].definition for rule in sorted(rules))
                file.write(f'{{"rules":[{definitions}]}}'.encode())
                file.flush()
                self._scanners[rules] = Scanner(self._load(Path(file.name), builtins=False), base64=False)
        return self._scanners[rules]

    @cached_property
    def _own(self) -> frozenset[int]:
        return frozenset(index for index, rule in enumerate(self._rules) if rule.rule_id.startswith(_OWN))

    @cached_property
    def _patterns(self) -> PatternSearch:
        return PatternSearch([rule.expression for rule in self._rules], self._folder)

    @cached_property
    def _rules(self) -> list[_Rule]:
        name = hashlib.sha256(version(KINGFISHER).encode() + OWN_RULES.read_bytes()).hexdigest()[:16]
        path = self._folder / f"{name}.detectors" if self._folder else None
        if path and path.exists():
            return [_Rule(*rule) for rule in orjson.loads(path.read_bytes())]
        rules = self._all_rules()
        if path:
            replace_file(path, orjson.dumps([list(rule) for rule in rules]))
        return rules

    def _all_rules(self) -> list[_Rule]:
        loaded, rules = self._load(OWN_RULES, builtins=True), []
        for known in loaded.metadata():
            rule = loaded.detail(known["id"])
            del rule["detection_regex"]  # Kingfisher derives it from the other fields
            rules.append(_Rule(rule["id"], rule["pattern"], orjson.dumps(rule).decode()))
        return rules

    def _load(self, path: Path, *, builtins: bool) -> "Rules":
        from kingfisher_sdk import Rules  # noqa: PLC0415 (as above)

        folder = str(self._folder) if self._folder else None
        return Rules([path], builtins=builtins, confidence="medium", cache=folder is not None, cache_dir=folder)
