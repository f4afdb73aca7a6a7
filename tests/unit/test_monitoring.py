"""The dashboard and the alert rules name only metrics that are exposed."""

import json
import re
from pathlib import Path

import pytest
import yaml

from loader.loader_metrics import render_metrics

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "services" / "monitoring"
NAME = re.compile(r"\bclaude_analytics_[a-z_]+\b")


def exposed() -> set[str]:
    """The names in the scheduler's code, and those that the loader prints."""
    code = (ROOT / "scheduler" / "web" / "metrics.py").read_text(encoding="utf-8")
    named = set(re.findall(r'_gauge\(\s*"(\w+)"', code)) | set(
        re.findall(r'GaugeMetricFamily\(\s*f"\{PREFIX\}_(\w+)"', code)
    )
    counted = {f"{name}_total" for name in re.findall(r'CounterMetricFamily\(\s*f"\{PREFIX\}_(\w+)"', code)}
    return {f"claude_analytics_{name}" for name in named | counted} | set(NAME.findall(render_metrics("load", 1, ROOT)))


@pytest.mark.parametrize("file", sorted(FOLDER.iterdir()), ids=lambda file: file.name)
def test_every_metric_that_is_named_is_exposed(file: Path) -> None:
    assert set(NAME.findall(file.read_text(encoding="utf-8"))) <= exposed()


def test_every_panel_and_rule_asks_for_a_metric() -> None:
    panels = json.loads((FOLDER / "grafana-dashboard.json").read_bytes())["panels"]
    rules = yaml.safe_load((FOLDER / "alert-rules.yml").read_bytes())["groups"][0]["rules"]
    asked = [*(target["expr"] for panel in panels for target in panel["targets"]), *(rule["expr"] for rule in rules)]
    assert len(asked) > 10
    assert [expression for expression in asked if not NAME.search(expression)] == []


def test_the_loader_tells_of_its_step_and_of_its_disk(tmp_path: Path) -> None:
    idle, busy = (render_metrics(step, done, tmp_path / "not" / "there") for step, done in ((None, 0), ("load", 7)))
    assert "claude_analytics_loader_busy 0.0\n" in idle
    assert "claude_analytics_loader_busy 1.0\n" in busy
    assert "claude_analytics_loader_step_done 7.0\n" in busy
    assert re.search(r"claude_analytics_loader_disk_free_bytes [1-9]", idle)
