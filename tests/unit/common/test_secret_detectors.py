"""Detectors that are loaded when their expression matches find what all of Kingfisher's find together."""

import random
import re
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from kingfisher_sdk import Finding, Rules, Scanner

from common import secret_detectors
from common.masking import rule_cache
from common.secret_detectors import OWN_RULES, SecretDetectors
from common.settings import load_settings
from tests.unit.loader.planted_secrets import planted


@pytest.fixture(scope="module")
def folder() -> Path:
    """What is compiled already of this environment."""
    found = rule_cache(load_settings())
    assert found
    return found


@pytest.fixture(scope="module")
def kingfisher(folder: Path) -> tuple[Rules, Scanner]:
    """All detectors at once."""
    rules = Rules([OWN_RULES], confidence="medium", cache_dir=folder)
    return rules, Scanner(rules, base64=False)


def _places(findings: list[Finding]) -> list[tuple[str, int, int]]:
    places = [(finding.rule_id, finding.location) for finding in findings if finding.visible]
    return sorted((rule_id, place["start_offset"], place["end_offset"]) for rule_id, place in places)


def _texts_of(expression: str) -> list[bytes]:
    """Texts that an expression matches; few, since there are nearly five hundred expressions."""
    texts: list[bytes] = []

    @settings(
        max_examples=2,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.from_regex(re.compile(expression.encode())))
    def collect(text: bytes) -> None:
        texts.append(text)

    collect()
    return texts


def test_each_finds_what_it_finds_among_all(folder: Path, kingfisher: tuple[Rules, Scanner]) -> None:
    rules, scanner = kingfisher
    chance, texts = random.Random(3), [secret.text.encode() for seed in range(3) for secret in planted(seed)]
    for rule in rules.metadata():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of expressions that Python reads otherwise
            try:
                texts += _texts_of(rules.detail(rule["id"])["pattern"])
            except re.error:  # and some that it does not read
                continue
    texts += [b" ".join(chance.sample(texts, 5)) for _ in range(100)]
    detectors, found = SecretDetectors(folder), 0
    for text in texts:
        expected = _places(scanner.scan(text))
        assert _places(detectors.find(text)) == expected, text
        found += bool(expected)
    assert found > 600


def test_a_history_with_many_kinds_loads_all_detectors_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_detectors, "MOST_SCANNERS", 2)
    detectors = SecretDetectors(folder)
    for secret in planted(5):
        assert detectors.find(secret.text.encode())
    assert len(detectors._scanners) <= 4
