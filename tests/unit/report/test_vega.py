"""What Vega's tools make is made once, and kept no longer than it is used."""

import sys
from pathlib import Path

import pytest
import vl_convert

import report.vega
from report.vega import Vega

CHART = {"data": {"name": "rows"}, "mark": "line", "encoding": {"y": {"field": "a", "type": "quantitative"}}}


@pytest.fixture(autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a Python environment that has made no report."""
    monkeypatch.setattr(sys, "prefix", str(folder := tmp_path_factory.mktemp("environment")))
    return folder


def test_what_was_kept_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Vega(tmp_path)
    drawn = first.script(), first.chart(CHART), first.theme(dark=True)
    for name in ("javascript_bundle", "vegalite_to_vega"):
        monkeypatch.delattr(vl_convert, name)
    again = Vega(tmp_path)
    assert (again.script(), again.chart(CHART), again.theme(dark=True)) == drawn


def test_another_version_of_the_library_makes_it_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Vega(tmp_path).chart(CHART)
    monkeypatch.setattr(report.vega, "version", lambda _: "0.0.1")
    Vega(tmp_path).chart(CHART)
    assert len(list(tmp_path.iterdir())) == 2


def test_only_what_the_last_report_used_stays(tmp_path: Path) -> None:
    Vega(tmp_path).chart(CHART)
    vega = Vega(tmp_path)
    vega.chart(CHART | {"mark": "bar"})
    vega.forget_others()
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_folder_it_is_the_same(tmp_path: Path) -> None:
    assert Vega().chart(CHART) == Vega(tmp_path).chart(CHART)


def test_the_library_is_kept_for_every_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Vega(tmp_path / "one").script()
    monkeypatch.delattr(vl_convert, "javascript_bundle")
    other = Vega(tmp_path / "other")
    assert other.script() == script
    assert Vega().script() == script
    other.forget_others()
    assert Vega().script() == script


def test_where_the_environment_is_read_only_the_history_keeps_the_library(
    tmp_path: Path, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("report.vega.os.access", lambda *_: False)
    Vega(tmp_path).script()
    assert (len(list(tmp_path.iterdir())), list(environment.iterdir())) == (1, [])
