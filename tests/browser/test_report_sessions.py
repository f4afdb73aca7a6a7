"""Sessions and search: each session opens whole, links lead to a step, words are found, a report alone says so."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from playwright.sync_api import Browser, Page

from report.html import write_report
from report.packed import read_packed
from report.session_files import file_name
from tests.browser.conftest import ZONE, context_of, open_report

HOSTILE = "</script><img src=x onerror=\"document.title='broken in'\"><b>bold</b>\u2028\x1b[31mred\x1b[0m \u202eturned"


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    with context_of(browser) as context:
        opened_page = context.new_page()
        open_report(opened_page, report)
        yield opened_page


def _kept(report: Path) -> dict[str, dict[str, Any]]:
    """Every session beside the report."""
    files = (report.parent / "report_sessions").glob("*.js")
    return {
        conversation["id"]: conversation
        for path in files
        if not path.name.startswith("search-") and (conversation := read_packed(path))
    }


def _shown(page: Page, session: str) -> None:
    page.wait_for_selector(f".said[data-session='{session}']")


def _all(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    inner = [step for outer in steps for agent in outer.get("agents", ()) for step in _all(agent["steps"])]
    return [*steps, *inner]


def test_every_session_of_the_table_opens(page: Page, report: Path) -> None:
    kept = _kept(report)
    page.select_option("#period", "all")
    page.click("nav a[href='#sessions']")
    card = "[data-card='sessions.table']"
    links = page.locator(f"{card} tbody .open")
    targets = links.evaluate_all("nodes => nodes.map((node) => new URL(node.href).hash)")
    assert len(targets) == page.locator(f"{card} tbody tr").count() == len(kept)
    for target in targets:
        page.evaluate("hash => { location.hash = hash; }", target)
        session = page.evaluate("new URLSearchParams(location.hash.split('?')[1]).get('session')")
        _shown(page, session)
        wanted = len(kept[session]["steps"])
        page.wait_for_function("n => document.querySelectorAll('.said > .steps > .entry').length === n", arg=wanted)


def test_a_session_is_there_at_its_whole_length_with_what_each_step_cost(page: Page, report: Path) -> None:
    longest = max(_kept(report).values(), key=lambda conversation: len(_all(conversation["steps"])))
    steps = _all(longest["steps"])
    open_report(page, report, f"#conversation?session={longest['id']}")
    page.reload()
    _shown(page, longest["id"])
    page.wait_for_function(
        "n => document.querySelectorAll('.said > .steps > .entry').length === n", arg=len(longest["steps"])
    )
    while page.locator(".said details:not([data-filled])").count():
        page.evaluate("() => document.querySelectorAll('.said details').forEach((part) => part.fillNow())")
    assert page.locator(".said .entry").count() == len(steps)
    text = page.evaluate("document.querySelector('.said').textContent")
    for step in steps:
        for part in (step.get("text"), step.get("output")):
            assert (part or "").strip()[:60].split("\n")[0] in text
    assert page.locator(".said .cost").count() == sum("usage" in step for step in steps)
    assert f"${longest['cost']:.2f}" in page.inner_text(".facts")
    last = page.locator(f"#step-{longest['steps'][-1]['n']}")
    last.scroll_into_view_if_needed()
    assert last.is_visible()


def test_a_link_to_a_step_opens_the_sub_agent_that_holds_it(page: Page, report: Path) -> None:
    session, step = next(
        (conversation["id"], agent["steps"][-1])
        for conversation in _kept(report).values()
        for outer in conversation["steps"]
        for agent in outer.get("agents", ())
        if len(agent["steps"]) > 2
    )
    page.evaluate("hash => { location.hash = hash; }", f"#conversation?session={session}&step={step['n']}")
    page.wait_for_selector(f"#step-{step['n']}:focus")
    box, bar = page.locator(f"#step-{step['n']}").bounding_box(), page.locator("nav.tabs").bounding_box()
    assert box
    assert bar
    assert bar["y"] + bar["height"] <= box["y"] + 1


def test_an_edit_is_shown_as_a_diff_and_a_failure_as_one(page: Page, report: Path) -> None:
    calls = [
        (conversation["id"], step)
        for conversation in _kept(report).values()
        for step in conversation["steps"]
        if step["kind"] == "call"
    ]
    session, edit = next((id_, step) for id_, step in calls if step["name"] == "Edit")
    page.evaluate("hash => { location.hash = hash; }", f"#conversation?session={session}&step={edit['n']}")
    page.wait_for_selector(f"#step-{edit['n']} .diff .added")
    session, failed = next((id_, step) for id_, step in calls if step.get("outcome") == "error")
    page.evaluate("hash => { location.hash = hash; }", f"#conversation?session={session}&step={failed['n']}")
    page.wait_for_selector(f"#step-{failed['n']}.failed .badge.bad")
    page.select_option(".choices select", "failed")
    page.wait_for_function(
        "() => document.querySelectorAll('.said > .steps > .entry:not(.failed)').length === 0"
        " || document.querySelectorAll('.said > .steps .badge').length > 0"
    )
    kinds = page.locator(".said > .steps > .entry").evaluate_all("nodes => nodes.map((node) => node.className)")
    assert kinds
    assert all("prompt" not in kind for kind in kinds)
    prompt = next(step["n"] for step in _kept(report)[session]["steps"] if step["kind"] == "prompt")
    page.evaluate("hash => { location.hash = hash; }", f"#conversation?session={session}&step={prompt}")
    page.wait_for_selector(f"#step-{prompt}:focus")  # a link to a step goes before the choice that hides it


def test_back_from_a_session_returns_to_the_row_that_opened_it(page: Page) -> None:
    page.select_option("#period", "all")
    page.click("nav a[href='#sessions']")
    link = page.locator("[data-card='sessions.table'] .open").nth(5)
    link.scroll_into_view_if_needed()
    page.mouse.wheel(0, 200)
    page.wait_for_function("() => scrollY > 100")
    before = page.evaluate("scrollY")
    link.click()
    page.wait_for_selector(".said .entry")
    assert page.evaluate("scrollY") <= page.locator(".top").first.bounding_box()["height"] + 1  # type: ignore[index]
    page.go_back()
    assert page.get_attribute("nav a[aria-selected='true']", "href") == "#sessions"
    page.wait_for_function("before => Math.abs(scrollY - before) < 40", arg=before)


def _search(page: Page, words: str) -> str:
    page.click("nav a[href='#search']")
    page.fill("#words", words)
    page.press("#words", "Enter")
    page.wait_for_function("() => !/^(Read|$)/.test(document.querySelector('.found').textContent)")
    return page.inner_text(".found")


def test_a_search_finds_what_was_asked_and_leads_to_it(page: Page, report: Path) -> None:
    kept = _kept(report)
    session, prompt = next(
        (conversation["id"], step)
        for conversation in kept.values()
        for step in conversation["steps"]
        if step["kind"] == "prompt"
    )
    words = " ".join(prompt["text"].split()[:5])
    page.select_option("#period", "all")
    assert "Nothing" not in _search(page, f'"{words}"')
    target = f"#conversation?period=all&session={session}&step={prompt['n']}"
    page.click(f".hits a[href='{target}'] >> nth=0")
    page.wait_for_selector(f"#step-{prompt['n']}:focus")
    page.go_back()
    assert page.input_value("#words") == f'"{words}"'
    page.wait_for_selector(".hits mark")


def test_a_search_counts_as_the_files_do_and_follows_the_filters(page: Page, report: Path) -> None:
    texts = [text for path in (report.parent / "report_sessions").glob("search-*.js") for text in read_packed(path)]
    holding = {text["id"] for text in texts if any("test" in step[2].lower() for step in text["steps"])}
    page.select_option("#period", "all")
    found = _search(page, "test")
    assert len(holding) > 5
    assert f" in {len(holding)} sessions" in found or f" {len(holding)} session" in found
    page.select_option("#project", "harbor")
    page.wait_for_function("() => document.querySelector('.found').textContent.includes('outside')")
    inside = {text["id"] for text in texts if text["project"] == "harbor"} & holding
    assert f" in {len(inside)} session" in page.inner_text(".found")
    assert f"{len(holding) - len(inside)} more session" in page.inner_text(".found")
    assert "Nothing in this period and project." in _search(page, "zyzzyva quux")


def test_a_report_alone_says_what_it_left_out(browser: Browser, report: Path, tmp_path: Path) -> None:
    shutil.copy(report, tmp_path / "sent.html")
    with context_of(browser) as context:
        page = context.new_page()
        open_report(page, tmp_path / "sent.html", "#conversation")
        page.wait_for_function("() => document.querySelector('.held').textContent.includes('timeline')")
        assert "report_sessions/, the folder beside the report" in page.inner_text(".held")
        assert page.locator("[data-card='sessions.timeline'] tbody tr").count() > 0
        held = set(page.evaluate("modules.data.DATA.datasets.timeline.columns.session_id.dictionary"))
        others = [session for session in _kept(report) if session not in held]
        for session in others[:1]:
            page.evaluate("hash => { location.hash = hash; }", f"#conversation?session={session}")
            page.wait_for_function(
                "() => document.querySelector('.held').textContent.includes('does not hold this session')"
            )
        assert "it is not here" in _search(page, "test")


@pytest.fixture(scope="module")
def hostile(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A report in which one session's every text tries to be code, and its id to be a path."""
    folder = tmp_path_factory.mktemp("hostile")
    copied, id_ = folder / "analytics.db", "../../<b>id</b>"
    copied.write_bytes((demo / "duckdb" / "current" / "analytics.db").read_bytes())
    with duckdb.connect(copied) as connection:
        [(session,)] = connection.execute(
            "select session_id from marts.fct_tool_calls group by session_id order by count(*) desc limit 1"
        ).fetchall()
        for table in (
            "fct_messages",
            "fct_tool_calls",
            "fct_api_requests",
            "dim_agents",
            "dim_sessions",
            "fct_commits",
        ):
            connection.execute(f"update marts.{table} set session_id = ? where session_id = ?", [id_, session])
        connection.execute("update raw.conversations set session_id = ? where session_id = ?", [id_, session])
        connection.execute("update marts.dim_sessions set title = ? where session_id = ?", [HOSTILE, id_])
        connection.execute("update marts.fct_messages set message_text = ? where session_id = ?", [HOSTILE, id_])
        connection.execute(
            "update raw.conversations set block_text = ?, tool_result_text = ?, tool_name = ? where session_id = ?",
            [HOSTILE, HOSTILE, HOSTILE, id_],
        )
        connection.execute(
            "update raw.conversations set tool_input = to_json({old_string: 'a', new_string: $1, \"<b>\": $1})"
            " where session_id = $2 and tool_input is not null",
            [HOSTILE, id_],
        )
        connection.execute("update marts.dim_agents set agent_type = ?, description = ?", [HOSTILE, HOSTILE])
    write_report(copied, folder / "report.html", timezone=ZONE)
    return folder / "report.html", id_


def test_no_text_of_a_session_becomes_markup_or_steers_the_page(browser: Browser, hostile: tuple[Path, str]) -> None:
    report, id_ = hostile
    assert (report.parent / "report_sessions" / f"{file_name(id_)}.js").exists()
    with context_of(browser) as context:
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        open_report(page, report)
        page.evaluate("id => { location.hash = `#conversation?session=${encodeURIComponent(id)}`; }", id_)
        page.wait_for_selector(".said .entry.call")
        page.click("text=Open all on this page")
        page.wait_for_selector(".said .diff .added")
        shown = page.evaluate("document.querySelector('.said').textContent")
        assert "</script><img src=x onerror" in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        page.select_option("#period", "all")
        _search(page, "onerror")
        page.wait_for_selector(".hits mark")
        assert page.locator("main img, .said b b, .hits b, main script").count() == 0
        assert page.title() == "Claude Code history"
        assert errors == []


def test_a_script_that_is_not_the_reports_own_does_not_run(page: Page) -> None:
    refused = """() => {
        const script = document.createElement("script");
        script.textContent = "window.brokenIn = true";
        document.body.append(script);
        const image = document.createElement("div");
        image.innerHTML = "<img src=x onerror='window.brokenIn = true'>";
        document.body.append(image);
        return new Promise((resolve) => setTimeout(() => resolve(window.brokenIn === undefined), 200));
    }"""
    assert page.evaluate(refused)
