"""Generates the images of README and docs from a demo's database: `python -m report.pictures DATABASE [FOLDER]`.

    ./analytics demo --data /tmp/demo
    .venv/bin/python -m report.pictures /tmp/demo/duckdb/current/analytics.db

Needs Chromium on PATH and the development dependencies. Figures differ from day to day, as the sample ends today.
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

from report.html import write_report

FOLDER = Path(__file__).parent.parent / "docs" / "images"
PICTURES: tuple[tuple[str, str, Literal["light", "dark"], int], ...] = (
    ("overview-light", "overview", "light", 1280),
    ("overview-dark", "overview", "dark", 1280),
    ("cost-light", "cost", "light", 1280),
    ("overview-phone", "overview", "light", 390),
    ("session-light", "conversation", "light", 1280),
)
"""File, dashboard, colour scheme, width of the window."""

_HEIGHT = 900
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def make_pictures(database: Path, folder: Path) -> list[Path]:
    """Write the report of `database` and take its screenshots; return the files."""
    from playwright.sync_api import ViewportSize, sync_playwright  # noqa: PLC0415  a development dependency

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("pictures: expected chromium on PATH, found none; install the package chromium")
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        report = Path(temporary) / "report.html"
        write_report(database, report, timezone="UTC", sample=True)
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        for name, dashboard, scheme, width in PICTURES:
            viewport = ViewportSize(width=width, height=_HEIGHT)
            page = browser.new_page(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
            page.goto(report.as_uri())
            page.wait_for_selector("html[data-ready]", state="attached")
            page.click(f"nav a[href='#{dashboard}']")
            page.wait_for_selector(f"#{dashboard} .chart svg, #{dashboard} .entry")
            page.screenshot(path=folder / f"{name}.png")
            pictures.append(folder / f"{name}.png")
        browser.close()
    return pictures


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit("usage: python -m report.pictures DATABASE [FOLDER]")
    for file in make_pictures(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else FOLDER):
        sys.stdout.write(f"{file}\n")
