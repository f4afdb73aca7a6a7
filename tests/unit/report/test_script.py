"""The page's modules joined into one script."""

from pathlib import Path

import pytest

from report.html import PAGE
from report.script import bundled


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "low.js").write_text("const size = 1;\nexport const low = () => size;\n")
    (tmp_path / "mid.js").write_text(
        'import { low } from "./low.js";\nconst size = 2;\nexport async function mid() {}\n'
    )
    (tmp_path / "top.js").write_text('import { mid } from "./mid.js";\nimport { low } from "./low.js";\nlow(mid);\n')
    return tmp_path


def test_a_module_comes_once_and_after_what_it_imports(folder: Path) -> None:
    script = bundled(folder / "top.js")
    places = [script.index(f"modules.{name} = ") for name in ("low", "mid", "top")]
    assert places == sorted(places)
    assert script.count("modules.low = ") == 1


def test_a_module_keeps_its_own_names_and_gives_what_it_exports(folder: Path) -> None:
    script = bundled(folder / "top.js")
    assert "return { low };" in script
    assert "return { mid };" in script
    assert "const { low } = modules.low;" in script


def test_no_import_or_export_is_left_in_the_report() -> None:
    """A classic script that holds one would not run at all."""
    lines = bundled(PAGE / "page.js").splitlines()
    assert [line for line in lines if line.startswith(("import ", "export "))] == []


def test_every_script_of_the_page_is_in_the_report() -> None:
    script = bundled(PAGE / "page.js")
    assert [file.name for file in PAGE.glob("*.js") if f"modules.{file.stem} = " not in script] == []
