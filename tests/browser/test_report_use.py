"""The report as a reader uses it: address and Back, tabs that start at their top, tables, what it says of itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from report.html import write_report
from tests.browser.conftest import ZONE, open_report

DEAR = "[data-card='cost.dear_sessions']"


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1200, "height": 700}) as new_context:
        new_context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield new_context


@pytest.fixture
def blank(context: BrowserContext) -> Iterator[Page]:
    opened_page = context.new_page()
    yield opened_page
    opened_page.close()


@pytest.fixture
def page(blank: Page, report: Path) -> Page:
    open_report(blank, report)
    return blank


def _seen(page: Page) -> dict[str, Any]:
    """What the controls show."""
    seen = {name: page.input_value(f"#{name}") for name in ("period", "from", "to", "project", "session")}
    return seen | {"tab": page.get_attribute("nav a[aria-selected='true']", "href")}


def _is_below_the_bar(page: Page, board: str) -> bool:
    """True when the heading of a tab is on the screen, and not under the bar of tabs."""
    heading, bar = page.locator(f"#{board} h2").bounding_box(), page.locator("nav.tabs").bounding_box()
    assert heading
    assert bar
    return bar["y"] + bar["height"] <= heading["y"] < 700


def test_the_address_brings_back_what_was_seen(context: BrowserContext, page: Page, report: Path) -> None:
    page.click("nav a[href='#cost']")
    page.select_option("#project", "harbor")
    page.select_option("#period", "90")
    other = context.new_page()
    open_report(other, report, "#" + page.url.partition("#")[2])
    assert _seen(other) == _seen(page)
    assert other.inner_text("[data-card='cost.cost'] .figure") == page.inner_text("[data-card='cost.cost'] .figure")
    other.close()


def test_back_returns_to_what_was_seen_before(page: Page) -> None:
    page.click("nav a[href='#cost']")
    page.select_option("#project", "harbor")
    filtered, figure = _seen(page), page.inner_text("[data-card='cost.cost'] .figure")
    page.click(f"{DEAR} .open >> nth=1")
    opened = _seen(page)
    assert opened["tab"] == "#conversation"
    page.go_back()
    assert _seen(page) | {"session": ""} == filtered | {"session": ""}
    assert page.inner_text("[data-card='cost.cost'] .figure") == figure
    page.go_back()
    assert _seen(page)["project"] == ""
    page.go_forward()
    page.go_forward()
    assert _seen(page) == opened


def test_a_period_of_ones_own_is_in_the_address(page: Page, report: Path) -> None:
    last = page.input_value("#to")
    page.fill("#from", last)
    page.wait_for_function("() => location.hash.includes('from=')")
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert (page.input_value("#from"), page.input_value("#period")) == (last, "custom")


def test_an_address_of_another_report_opens_what_there_is(blank: Page, report: Path) -> None:
    open_report(blank, report, "#nothing?project=elsewhere&period=soon")
    assert _seen(blank)["tab"] == "#overview"
    assert (blank.input_value("#project"), blank.input_value("#period")) == ("", "30")


@pytest.mark.parametrize("width", [390, 1200])
def test_no_heading_is_hidden_under_the_bar(blank: Page, report: Path, width: int) -> None:
    blank.set_viewport_size({"width": width, "height": 700})
    open_report(blank, report, "#cost")
    assert _is_below_the_bar(blank, "cost")
    blank.evaluate("scrollTo(0, document.body.scrollHeight)")
    blank.click("nav a[href='#code']")
    blank.wait_for_function("() => scrollY <= document.querySelector('.top').offsetHeight")
    assert _is_below_the_bar(blank, "code")


def test_a_table_sorts_by_a_click_and_returns_to_its_own_order(page: Page) -> None:
    page.click("nav a[href='#sessions']")
    card = page.locator("[data-card='sessions.table']")
    own = card.locator("tbody tr").all_inner_texts()
    column = card.get_by_role("button", name="Prompts")
    values = "node => [...node.querySelectorAll('tbody tr')].map((row) => Number(row.cells[4].textContent))"
    for direction, sign in (("descending", -1), ("ascending", 1)):
        column.click()
        assert card.locator(f"th[aria-sort='{direction}']").inner_text().startswith("Prompts")
        found = card.evaluate(values)
        assert len(set(found)) > 1
        assert found == sorted(found, key=lambda value: sign * value)
    column.click()
    assert card.locator("tbody tr").all_inner_texts() == own


def test_sorting_looks_at_all_rows_and_not_at_those_shown(page: Page) -> None:
    """The 25 dearest are shown; the oldest of all is not among them until one sorts by the start."""
    page.click("nav a[href='#cost']")
    page.select_option("#period", "all")
    card = page.locator(DEAR)
    started = card.get_by_role("button", name="Started")
    started.click()
    started.click()
    oldest = min(page.evaluate("modules.data.DATA.datasets.sessions.columns.started.dictionary"))
    assert card.locator("tbody tr").first.locator("td").nth(2).inner_text() == oldest[:16]


def test_a_table_is_copied_whole_as_text_with_tabs(page: Page) -> None:
    page.click("nav a[href='#cost']")
    page.click(f"{DEAR} .copy")
    page.wait_for_selector(f"{DEAR} .copy:has-text('Copied')")
    lines = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert lines[0].split("\t")[:4] == ["Session", "Project", "Started", "Cost"]
    assert len(lines) == 1 + page.evaluate("modules.data.found(modules.data.DATA.cards['cost.dear_sessions']).total")
    assert len(lines) > 1 + page.locator(f"{DEAR} tbody tr").count()
    costs = [line.split("\t")[3] for line in lines[1:]]
    assert all(float(cost) > 0 for cost in costs if cost)
    assert any(costs)


def test_a_long_table_shows_all_its_rows_part_by_part(page: Page) -> None:
    page.click("nav a[href='#cost']")
    page.select_option("#period", "all")
    rows, total = page.locator(f"{DEAR} tbody tr"), page.evaluate("modules.data.DATA.datasets.sessions.rows")
    assert rows.count() == 25 < total
    while page.locator(f"{DEAR} .more").count():
        page.click(f"{DEAR} .more")
    assert rows.count() == total
    assert page.locator(f"{DEAR} .cut").count() == 0


def test_a_table_is_searched_over_all_its_rows(page: Page) -> None:
    page.click("nav a[href='#cost']")
    page.select_option("#period", "all")
    page.fill(f"{DEAR} .finder", "HARBOR")
    rows = page.locator(f"{DEAR} tbody tr")
    found = page.evaluate("""() => {
        const { dictionary, codes } = modules.data.DATA.datasets.sessions.columns.project;
        return codes.filter((code) => dictionary[code] === "harbor").length;
    }""")
    assert rows.count() == min(found, 25) > 0
    assert all("harbor" in text.lower() for text in rows.all_inner_texts())
    page.fill(f"{DEAR} .finder", "no such thing at all")
    assert rows.count() == 0
    assert page.inner_text(f"{DEAR} .cut") == "0 rows found."
    page.fill(f"{DEAR} .finder", "")
    assert rows.count() == 25


def test_what_is_cut_says_how_much_of_what(page: Page) -> None:
    page.select_option("#period", "all")
    tools = page.evaluate("modules.data.found(modules.data.DATA.cards['overview.top_tools']).total")
    assert tools > 10
    assert page.inner_text("[data-card='overview.top_tools'] .step") == f"10 of {tools}"
    page.click("nav a[href='#cost']")
    sessions = page.evaluate("modules.data.DATA.datasets.sessions.rows")
    assert page.inner_text(f"{DEAR} .cut") == f"The first 25 of {sessions} rows."


def test_what_is_not_recorded_says_so_and_is_no_zero(page: Page) -> None:
    page.evaluate("""() => {
        const { DATA, columnOf } = modules.data;
        for (const name of ["commits", "agents"]) columnOf(DATA.datasets.sessions, name).fill(null);
    }""")
    page.click("nav a[href='#sessions']")
    row = page.locator("[data-card='sessions.table'] tbody tr").first.locator("td")
    assert [row.nth(place).inner_text() for place in (7, 9)] == ["not recorded", "not recorded"]


def test_other_never_stands_for_one_thing(page: Page) -> None:
    """Where a filter leaves one of the series that share a colour, that one has its own name."""
    named = page.evaluate("""() => {
        const { DATA, columnOf } = modules.data;
        const models = columnOf(DATA.datasets.usage, "model");
        DATA.cards["cost.cost_by_day_model"].series = [models[0], DATA.meta.other];
        models.forEach((name, row) => { if (name !== models[0]) models[row] = "the-only-other"; });
        return models[0];
    }""")
    page.click("nav a[href='#cost']")
    page.wait_for_selector("[data-card='cost.cost_by_day_model'] svg", state="attached")
    legend = page.text_content("[data-card='cost.cost_by_day_model'] svg .role-legend") or ""
    assert named in legend
    assert "the-only-other" in legend
    assert "Other" not in legend


def test_a_sample_says_that_it_is_one_and_a_history_does_not(demo: Path, page: Page, tmp_path: Path) -> None:
    assert "generated sample" in page.inner_text(".sample")
    assert "generated sample" in (demo / "report.html").read_text(encoding="utf-8")
    own = tmp_path / "report.html"
    write_report(demo / "duckdb" / "current" / "analytics.db", own, timezone=ZONE)
    assert "generated sample" not in own.read_text(encoding="utf-8")


def test_the_period_and_the_streak_name_the_day_they_end_with(page: Page) -> None:
    last = page.input_value("#to")
    assert page.locator("#period option:checked").inner_text() == f"Last 30 days to {last}"
    page.click("nav a[href='#rhythm']")
    assert page.inner_text("[data-card='rhythm.current_streak'] .change") == f"up to {last}"


def test_a_period_in_which_nothing_happened_says_when_something_did(blank: Page, report: Path) -> None:
    open_report(blank, report, "#overview?from=2020-01-01&to=2020-01-31")
    assert "The newest day with anything is" in blank.inner_text(".nothing")
    blank.click(".nothing button")
    assert blank.is_hidden(".nothing")
    assert blank.inner_text("[data-card='overview.prompts'] .figure") != "0"
