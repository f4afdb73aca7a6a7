"""The report in a browser: it counts as the SQL does, asks the network for nothing, and can be read by everybody."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from dashboards.card_query import opened, run_card
from dashboards.definitions import Card, load_catalog
from dashboards.formats import show
from report.html import period_of, write_report
from tests.browser.conftest import ZONE, context_of, open_report
from tests.unit.dashboards.test_formats import CASES

CATALOG = load_catalog()
COUNTED = {key: card for key, card in CATALOG.cards.items() if card.dataset and not CATALOG.datasets[card.dataset].pick}


@pytest.fixture(scope="module")
def database(demo: Path) -> Path:
    return demo / "duckdb" / "current" / "analytics.db"


@pytest.fixture(scope="module")
def connection(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(database, ZONE) as open_database:
        yield open_database


@pytest.fixture(scope="module")
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """The report, opened; every request and every error it makes is kept on the page object's `seen`."""
    with context_of(browser) as context:
        opened_page = context.new_page()
        seen: list[str] = []
        opened_page.on("request", lambda request: seen.append(request.url))
        opened_page.on("pageerror", lambda error: seen.append(f"error: {error}"))
        opened_page.on("console", lambda message: seen.append(f"console: {message.text}"))
        open_report(opened_page, report)
        opened_page.seen = seen  # type: ignore[attr-defined]
        yield opened_page


def test_it_asks_the_network_for_nothing_and_reports_no_error(page: Page, report: Path) -> None:
    for board in CATALOG.dashboards:
        page.click(f"nav a[href='#{board.id}']")
    page.click("nav a[href='#overview']")
    assert page.seen == [report.as_uri()]  # type: ignore[attr-defined]


def test_numbers_are_written_alike_on_both_sides(page: Page) -> None:
    written = page.evaluate(
        "cases => cases.map(([value, format]) => modules.format.show(value, format))",
        [list(case[:2]) for case in CASES],
    )
    assert written == [case[2] for case in CASES]


def _filters(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The first view, the whole history, one project, and a week of it: as the page knows them and as the SQL does."""
    period = period_of(connection, ZONE)
    [(project,)] = connection.execute("select max_by(project_name, session_count) from marts.dim_projects").fetchall()
    first, last, start = (period[name] for name in ("first_day", "last_day", "from_text"))
    whole = {"from": first, "to": last, "date_from": period["first_text"], "date_to": period["last_text"]}
    usual = {**period["period"], "date_from": start, "date_to": period["last_text"]}
    return [
        {**usual, "project": ""},
        {**whole, "project": ""},
        {**whole, "project": project},
        {**usual, "project": project},
    ]


@pytest.mark.parametrize(
    "number", range(4), ids=["thirty days", "everything", "one project", "thirty days of one project"]
)
def test_every_card_counts_as_its_sql_does(page: Page, connection: duckdb.DuckDBPyConnection, number: int) -> None:
    chosen = _filters(connection)[number]
    shown = page.evaluate(
        """([chosen, keys]) => {
            const { DATA, numberOf, rowsOf, state } = modules.data;
            const before = {...state};
            Object.assign(state, {from: chosen.from, to: chosen.to, project: chosen.project, preset: "custom"});
            const rows = Object.fromEntries(keys.map((key) => {
                const card = {...DATA.cards[key], chart: null};  // no weeks or months
                return [key, card.kind === "number" ? numberOf(card) : rowsOf(card)];
            }));
            Object.assign(state, before);
            return rows;
        }""",
        [chosen, list(COUNTED)],
    )
    given = {name: chosen[name] for name in ("date_from", "date_to", "project") if chosen[name]}
    for key, card in COUNTED.items():
        expected = run_card(connection, CATALOG, card, **given).rows
        if card.kind == "number":
            _same_number(key, card, shown[key], expected)
        else:
            _same_rows(key, _comparable(card, shown[key]), _comparable(card, expected))


def _same_number(key: str, card: Card, shown: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    [name] = card.values
    [row] = expected
    assert shown["now"] == pytest.approx(row[name]), key
    if "period_before" in row:
        assert shown["before"] == pytest.approx(row["period_before"]), key


def _same_rows(key: str, shown: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> None:
    assert len(shown) == len(expected), key
    for left, right in zip(shown, expected, strict=True):
        for here, there in zip(left, right, strict=True):
            assert here == (pytest.approx(there) if isinstance(there, float) else there), key


def _comparable(card: Card, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Rows as values that can be compared; ties may come in any order, so all are sorted, by their figures last."""
    names = [*card.by, *card.list_, *card.values]
    plain = [tuple(_plain(row[name]) for name in names) for row in rows]

    def order(row: tuple[Any, ...]) -> tuple[str, list[float]]:
        return repr([v for v in row if not isinstance(v, float)]), [v for v in row if isinstance(v, float)]

    return sorted(plain, key=order)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(" ", "milliseconds")
    if isinstance(value, date):
        return float((value - date(1970, 1, 1)).days)
    return float(value) if isinstance(value, int | float) else value


def test_choosing_a_project_counts_every_number_again(page: Page, connection: duckdb.DuckDBPyConnection) -> None:
    page.click("nav a[href='#overview']")
    [(project,)] = connection.execute("select min_by(project_name, session_count) from marts.dim_projects").fetchall()
    page.select_option("#period", "all")
    page.select_option("#project", project)
    period = period_of(connection, ZONE)
    given = {"date_from": period["first_text"], "date_to": period["last_text"], "project": project}
    card = CATALOG.cards["overview.tokens"]
    expected = run_card(connection, CATALOG, card, **given).rows[-1]["tokens"]
    assert page.inner_text("[data-card='overview.tokens'] .figure") == show(expected, "tokens")
    page.select_option("#project", "")
    page.select_option("#period", "30")


def test_tabs_are_moved_through_by_keys(page: Page) -> None:
    page.click("nav a[href='#overview']")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.hash") == "#cost"
    assert page.is_visible("#cost")
    assert not page.is_visible("#overview")
    page.keyboard.press("End")
    assert page.is_visible("#search")
    page.keyboard.press("Home")
    assert page.is_visible("#overview")


@pytest.fixture(scope="module")
def whole(browser: Browser, report: Path) -> Iterator[Page]:
    """The report over its whole history, in one page whose width and colours the tests change."""
    with context_of(browser) as context:
        page = context.new_page()
        open_report(page, report)
        page.select_option("#period", "all")
        yield page


@pytest.mark.parametrize("board", [*(board.id for board in CATALOG.dashboards), "conversation", "search"])
def test_every_dashboard_is_accessible_and_fits_the_screen(whole: Page, board: str) -> None:
    """No rule of axe is broken, nothing makes the page scroll sideways, nothing is cut off without a cue.

    All rules are tried once. What a scheme or a width can change is tried again where both differ from the first time.
    """
    for width, scheme, rules in ((1440, "light", None), (768, "light", ()), (390, "dark", DEPENDS_ON_LOOK)):
        whole.set_viewport_size({"width": width, "height": 900})
        whole.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        whole.click(f"nav a[href='#{board}']")
        whole.wait_for_function(_DRAWN, arg=board)
        assert whole.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
        assert whole.evaluate(_CUT_OFF, board) == [], width
        assert whole.evaluate(_NO_CUE, board) == [], width
        if rules != ():
            assert findings(whole, rules) == [], width


DEPENDS_ON_LOOK = ("color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size")


def findings(page: Page, rules: tuple[str, ...] | None) -> list[tuple[str, str]]:
    """Return what axe finds in the tab that is shown; the others, which it would pass over, are empty meanwhile."""
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    page.evaluate(_EMPTY_HIDDEN)
    found = Axe().run(page, options=options).response["violations"]
    page.evaluate(_FILL_HIDDEN)
    return [(violation["id"], violation["nodes"][0]["html"][:120]) for violation in found]


_EMPTY_HIDDEN = """() => document.querySelectorAll("main > section[hidden]").forEach((section) => {
    section.kept = [...section.childNodes];
    section.replaceChildren();
})"""
_FILL_HIDDEN = """() => document.querySelectorAll("main > section[hidden]").forEach((section) => {
    section.replaceChildren(...section.kept);
})"""
_DRAWN = """id => (id !== "conversation" || document.querySelector(".said .entry"))
    && [...document.querySelectorAll(`#${id} .card:not(.is-empty) .chart`)].filter((chart) => chart.offsetParent)
    .every((chart) => chart.querySelector("svg"))"""
_CUT_OFF = """id => [...document.querySelectorAll(`#${id} .card`)]
    .filter((card) => [...card.querySelectorAll("h3, .figure, .change, .chart svg")].some((part) => {
        const [inner, outer] = [part.getBoundingClientRect(), card.getBoundingClientRect()];
        const outside = inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1;
        return inner.width && (outside || part.scrollWidth > part.clientWidth + 1);
    }))
    .map((card) => card.dataset.card)"""
_NO_CUE = """id => [...document.querySelectorAll(`#${id} .rows, #${id} td, #${id} th`)]
    .filter((part) => part.clientWidth && part.scrollWidth > part.clientWidth + 1)
    .filter((part) => {
        const look = getComputedStyle(part);
        const shadow = look.overflowX === "auto" && look.backgroundImage.includes("gradient");
        return !shadow && !(look.textOverflow === "ellipsis" && part.title);
    })
    .map((part) => part.outerHTML.slice(0, 80))"""


def test_no_card_of_the_sample_is_empty_by_mistake(browser: Browser, report: Path) -> None:
    # As in tests/integration/metabase/test_cards.py.
    rare = {"trust.runs", "code.files_elsewhere", "trust.secrets", "insights.drift"}
    rare |= {"budgets.running", "budgets.differences", "budgets.currencies", "trust.cost_centres", "team.weeks"}
    with context_of(browser) as context:
        page = context.new_page()
        open_report(page, report)
        page.select_option("#period", "all")
        for board in CATALOG.dashboards:
            page.click(f"nav a[href='#{board.id}']")
        assert (
            set(page.evaluate("[...document.querySelectorAll('.is-empty')].map((node) => node.dataset.card)")) <= rare
        )


def test_without_scripts_it_is_one_long_page_with_every_table(browser: Browser, report: Path) -> None:
    with context_of(browser, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(report.as_uri())
        for board in CATALOG.dashboards:
            assert page.is_visible(f"#{board.id} h2")
        assert page.is_visible("noscript")
        assert "$" in page.inner_text("[data-card='overview.cost'] .figure")
        page.click("[data-card='overview.top_tools'] summary")
        assert page.locator("[data-card='overview.top_tools'] tbody tr").count() > 3


def test_printing_shows_every_dashboard_with_its_charts(browser: Browser, report: Path) -> None:
    with context_of(browser) as context:
        page = context.new_page()
        open_report(page, report)
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        for board in CATALOG.dashboards:
            page.wait_for_function(_DRAWN, arg=board.id)
            assert page.is_visible(f"#{board.id} h2")
        assert not page.is_visible("nav")


def test_nothing_that_a_transcript_says_becomes_markup(browser: Browser, database: Path, tmp_path: Path) -> None:
    """Names and titles come from other people's text; here they try to be code, in every place that shows them."""
    hostile = "</script><img src=x onerror=\"document.title='broken in'\"><b>bold</b>"
    copied = tmp_path / "analytics.db"
    copied.write_bytes(database.read_bytes())
    with duckdb.connect(copied) as connection:
        connection.execute("update marts.dim_projects set project_name = ? || project_name", [hostile])
        connection.execute("update marts.dim_sessions set title = ?", [hostile])
        connection.execute(
            "update marts.fct_tool_calls set tool_name = ? || tool_name, description = ?", [hostile, hostile]
        )
    write_report(copied, tmp_path / "report.html", timezone=ZONE)
    with context_of(browser) as context:
        page = context.new_page()
        open_report(page, tmp_path / "report.html")
        for board in CATALOG.dashboards:
            page.click(f"nav a[href='#{board.id}']")
        assert page.locator("main img, main b").count() == 0
        assert page.title() == "Claude Code history"
        assert hostile in page.inner_text("[data-card='sessions.table']", timeout=5000) or page.evaluate(
            "document.querySelector(\"[data-card='sessions.table']\").textContent"
        ).count(hostile)


def test_an_empty_database_makes_a_page_that_says_so(browser: Browser, tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "analytics.db") as connection:
        connection.execute("create schema marts")
    write_report(tmp_path / "analytics.db", tmp_path / "report.html", timezone=ZONE)
    with context_of(browser) as context:
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        open_report(page, tmp_path / "report.html")
        assert "No sessions yet" in page.inner_text(".about")
        assert page.is_visible("[data-card='overview.prompts_per_day'] .empty")
        assert errors == []


def test_what_the_report_leaves_out_is_said_where_it_is_missing(
    browser: Browser, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only over periods that reach back to it; and the comparison with days that are not there is not drawn."""
    few = CATALOG.datasets["changes"].model_copy(update={"report_limit": 5})
    cut = replace(CATALOG, datasets={**CATALOG.datasets, "changes": few})
    monkeypatch.setattr("report.html.load_catalog", lambda: cut)
    write_report(database, tmp_path / "report.html", timezone=ZONE)
    with context_of(browser) as context:
        page = context.new_page()
        open_report(page, tmp_path / "report.html")
        since = page.evaluate("modules.data.dayText(modules.data.DATA.datasets.changes.since)")
        assert page.inner_text("[data-card='overview.lines'] .change") == f"only from {since} on"
        page.click("nav a[href='#code']")
        assert page.inner_text("[data-card='code.languages'] .step") == f"only from {since} on"
        assert "only from" not in page.inner_text("[data-card='code.commits'] .change")
        day = page.evaluate("modules.data.dayText(modules.data.DATA.datasets.changes.since + 1)")
        page.fill("#to", day)
        page.fill("#from", day)
        assert "only from" not in page.inner_text("#code")


def test_a_number_that_no_filter_reaches_says_so(page: Page) -> None:
    page.click("nav a[href='#trust']")
    assert page.inner_text("[data-card='trust.freshness'] .change") == "all time"
    assert page.inner_text("[data-card='trust.unpriced'] .change") != "all time"


def test_a_cost_that_is_not_known_is_a_dash(page: Page) -> None:
    """As in the SQL: a sum over responses that have no price is not zero, and a sum over no response is."""
    unpriced = """() => {
        const { DATA, columnOf, numberOf } = modules.data;
        const column = columnOf(DATA.datasets.usage, "cost_usd");
        const kept = [...column];
        column.fill(null);
        const made = numberOf(DATA.cards["overview.cost"]);
        column.splice(0, column.length, ...kept);
        const nothing = numberOf({...DATA.cards["overview.cost"], where: {model: "none"}});
        return [modules.format.show(made.now, "usd"), nothing.now];
    }"""
    assert page.evaluate(unpriced) == [show(None, "usd"), 0]


def test_two_writers_at_once_leave_one_whole_report(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run writes it while a person's command is about to put its own in place."""
    target, write_text = tmp_path / "report.html", Path.write_text

    def and_so_does_another(self: Path, *args: Any, **more: Any) -> int:
        written = write_text(self, *args, **more)
        monkeypatch.undo()
        write_report(database, target, timezone=ZONE)
        return written

    monkeypatch.setattr(Path, "write_text", and_so_does_another)
    write_report(database, target, timezone=ZONE)
    assert target.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report_sessions"}
    assert list(tmp_path.rglob("*.unfinished")) == []


def test_the_session_shown_first_is_the_one_chosen(browser: Browser, database: Path, tmp_path: Path) -> None:
    """The newest session with a prompt, also where a newer one holds nothing to show."""
    copied = tmp_path / "analytics.db"
    copied.write_bytes(database.read_bytes())
    with duckdb.connect(copied) as connection:
        newer = "'void' as session_id, started_at + interval 1 second as started_at"
        connection.execute(
            f"insert into marts.dim_sessions select * replace ({newer}) from marts.dim_sessions"
            " order by started_at desc nulls last limit 1"
        )
    write_report(copied, tmp_path / "report.html", timezone=ZONE)
    with context_of(browser) as context:
        page = context.new_page()
        open_report(page, tmp_path / "report.html")
        page.click("nav a[href='#conversation']")
        first = page.evaluate("modules.data.DATA.datasets.timeline.first")
        assert page.input_value("#session") == first != "void"
        page.wait_for_selector(f".said[data-session='{first}'] .entry")


def test_the_file_is_small_and_its_data_is_json(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    assert len(text.encode()) < 3_000_000
    data = text.split('<script type="application/json" id="data">')[1].split("</script>")[0]
    assert set(json.loads(data)) == {"cards", "datasets", "meta", "themes"}
