"""The status page in a real browser: a run started and watched, a failed run with its rows, no serious finding of axe.

Needs a Chromium on this machine (Debian: `apt-get install chromium`).
"""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from scheduler.docs import dbt_docs
from scheduler.publish import current_generation
from scheduler.runner import Runner
from scheduler.service import Service
from scheduler.web import create_app
from tests.integration.scheduler.small import CountingLoader, make_project, make_runner, make_settings

pytestmark = pytest.mark.browser

TOKEN = "the-token"
SLOW = 120_000  # milliseconds: the first run of a session imports dbt, on machines of any speed


@dataclass
class Site:
    """A serving runner."""

    url: str
    runner: Runner

    @property
    def loader(self) -> CountingLoader:
        """The loader that the test feeds."""
        loader = self.runner.parts.loader
        assert isinstance(loader, CountingLoader)
        return loader


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    settings = make_settings(folder, schedule="0 * * * *", maintenance_schedule="off", scheduler_token=TOKEN)
    runner = make_runner(settings, make_project(folder / "project"))
    (folder / "projects" / "-home-me").mkdir(parents=True)
    (folder / "projects" / "-home-me" / "late.jsonl").write_text("{}\n" * 40, encoding="utf-8")
    service = Service(runner, settings)
    app = create_app(service, settings, version="0.1.0")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        site = Site(f"http://127.0.0.1:{listener.getsockname()[1]}", runner)
        await_answer(site.url)
        yield site
        site.loader.gate.set()
        server.should_exit = True
        thread.join()


def await_answer(url: str) -> None:
    pause, deadline = threading.Event(), time.monotonic() + SLOW / 1000
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/healthz", timeout=10).ok:
                return
        except requests.RequestException:
            pause.wait(0.1)
    pytest.fail("the scheduler did not start")


@pytest.fixture(scope="module")
def logged_in(browser: Browser, site: Site, failed_run: int) -> Iterator[Page]:
    """A page of somebody who has logged in, whose width and colours the tests change."""
    with browser.new_context() as context:
        page = context.new_page()
        log_in(page, site)
        yield page


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        yield context.new_page()


@pytest.fixture(scope="module")
def failed_run(site: Site) -> int:
    """A run that a test of the models kept from publishing."""
    site.loader.waiting = [0, 1]
    assert site.runner.pipeline("command").ok
    site.loader.waiting = [41, 42]
    assert site.runner.pipeline("command").status == "failed"
    return site.runner.history.runs(1)[0].id


def log_in(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/login")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Run now")).to_be_visible()


def serious_findings(page: Page, rules: tuple[str, ...]) -> list[str]:
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{violation['id']}: {violation['nodes'][0]['html']}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
    ]


def test_a_run_is_started_from_the_page_and_watched_until_it_ends(page: Page, site: Site, failed_run: int) -> None:
    (site.runner.parts.project.project_dir / "models/facts.yml").write_text("models: []\n", encoding="utf-8")
    sources = "sources: [{name: raw, tables: [{name: conversations}]}]\n"
    (site.runner.parts.project.project_dir / "models/sources.yml").write_text(sources, encoding="utf-8")
    site.loader.waiting = [3, 4, 5, 6]
    site.loader.gate.clear()
    log_in(page, site)
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("running")
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator(".now")).to_contain_text("extract, 2 of 4")
    page.goto(site.url)
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.go_back()
    site.loader.gate.set()
    expect(page.get_by_role("heading", level=1)).to_contain_text("succeeded", timeout=SLOW)  # without a reload
    expect(page.get_by_role("row", name="publish")).to_contain_text("generation 2")
    page.get_by_role("link", name="All runs").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Figures are up to date")
    expect(page.locator(".strip a").last).to_have_class("succeeded")


def test_a_failed_run_shows_which_test_failed_and_its_rows(page: Page, site: Site, failed_run: int) -> None:
    page.goto(site.url)
    page.locator(f'.strip a[href="/runs/{failed_run}"]').click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("failed")
    expect(page.locator(".problem")).to_contain_text("nothing was published")
    rows = page.get_by_role("table").filter(has_text="failing rows")
    expect(rows).to_contain_text("41")
    expect(rows).to_contain_text("42")
    expect(page.get_by_label("Query for the failing rows")).to_contain_text("not in")
    expect(page.get_by_label("Log of the run")).to_contain_text("FAIL 2")


DEPENDS_ON_LOOK = ("color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size")


@pytest.mark.parametrize("path", ["/", "/login", "/runs/{run}", "/runs/999"])
def test_no_page_has_a_serious_accessibility_finding_or_is_wider_than_the_screen(
    logged_in: Page, site: Site, failed_run: int, path: str
) -> None:
    """All rules are tried once; what a scheme or a width can change, again where both differ from the first time."""
    logged_in.goto(site.url + path.format(run=failed_run))
    rules: tuple[str, ...]
    for width, scheme, rules in (
        (1200, "light", ()),
        (768, "dark", ("color-contrast",)),
        (380, "dark", DEPENDS_ON_LOOK),
    ):
        logged_in.set_viewport_size({"width": width, "height": 900})
        logged_in.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert serious_findings(logged_in, rules) == [], width
        assert logged_in.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width


def test_everything_works_without_javascript(browser: Browser, site: Site, failed_run: int) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page, site)
        page.get_by_role("button", name="Pause the schedule").click()
        expect(page.locator("#note")).to_contain_text("The schedule is paused.")
        expect(page.locator("#standing")).to_contain_text("paused")
        page.get_by_role("button", name="Resume the schedule").click()
        expect(page.locator("#note")).to_contain_text("The schedule is active again.")
        page.get_by_role("button", name="Send a test alert").click()
        expect(page.locator("#note")).to_contain_text("neither a webhook nor an address is configured")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("link", name="Log in to run or pause")).to_be_visible()


def test_the_page_can_be_used_with_the_keyboard_alone(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/login")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Run now")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()  # the browser moves there after the key was handled
    page.keyboard.press("Tab")
    expect(page.locator("main :focus")).to_be_visible()


def test_the_page_says_what_is_at_risk_and_where_things_are(page: Page, site: Site, failed_run: int) -> None:
    log_in(page, site)
    expect(page.locator("#risk")).to_contain_text("-home-me/late.jsonl")
    expect(page.locator("#stores")).to_contain_text("DuckDB, published")
    expect(page.get_by_role("table", name="Versions")).to_contain_text("dbt-duckdb")


def test_a_wrong_token_is_said_to_be_wrong(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/login")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("Wrong token.")


def test_the_dbt_docs_open_in_their_sandbox(page: Page, site: Site, failed_run: int) -> None:
    generation = current_generation(site.runner.parts.volume)
    assert generation is not None
    with site.runner.lock.hold("docs", wait_seconds=120):
        dbt_docs(site.runner.parts.project).run(generation)
    page.goto(f"{site.url}/dbt-docs")
    expect(page.get_by_text("Projects", exact=True)).to_be_visible(timeout=SLOW)


def test_report_and_status_page_lead_to_each_other_and_the_report_loads_its_sessions(
    page: Page, site: Site, report: Path
) -> None:
    """The report runs in a sandbox with an opaque origin; a key in the address gives it its session files."""
    data = site.runner.settings.data_dir
    shutil.copy(report, data / "report.html")
    shutil.copytree(report.parent / "report_sessions", data / "report_sessions", dirs_exist_ok=True)
    page.goto(site.url)
    page.get_by_role("link", name="Report", exact=True).click()
    page.wait_for_selector("html[data-ready]", state="attached")
    page.click("nav a[href='#conversation']")
    page.wait_for_selector(".said .entry")
    assert page.evaluate("origin") == "null"
    page.get_by_role("link", name="Status page").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.url == f"{site.url}/"
