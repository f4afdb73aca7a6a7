"""One Chromium for each module of browser tests, and one report of the sample for all of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from report.html import write_report

ZONE = "Europe/Berlin"

# Chromium's own errands (updates, sync) are no business of a test.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def report(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's report with its sessions beside it. Only to be read."""
    target = tmp_path_factory.mktemp("report") / "report.html"
    write_report(demo / "duckdb" / "current" / "analytics.db", target, timezone=ZONE, sample=True)
    return target


def context_of(browser: Browser, **more: Any) -> BrowserContext:
    """A window of a desktop, in the light scheme unless another is asked for."""
    return browser.new_context(**{"viewport": {"width": 1400, "height": 900}, "color_scheme": "light", **more})


def open_report(page: Page, report: Path, fragment: str = "") -> None:
    """Open the report and wait until its script has run."""
    page.goto(report.as_uri() + fragment)
    page.wait_for_selector("html[data-ready]", state="attached")
