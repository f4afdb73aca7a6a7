"""`search` on the sample: the sessions that SQL finds, the best first, with their cost; filters, phrases, refusals."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cli.quick.search import words
from cli.quick.start import run
from common.errors import UsageError
from tests.integration.published_rows import rows

Ask = Callable[..., Any]


@pytest.fixture
def ask(demo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Search the sample and return the JSON."""
    monkeypatch.chdir(demo)

    def answer(*options: str, data: Path = demo) -> Any:
        assert run("search", ["--data", str(data), "--json", "--limit", "1000", *options]) == 0
        return json.loads(capsys.readouterr().out)

    return answer


def holding(demo: Path, text: str) -> dict[str, int]:
    """Messages by session whose words, tool input or output hold this, counted in another way than search does."""
    held = f"lower(coalesce({{}}, '')) like '%{text}%'"
    sql = f"""
        select session_id, count(*) from marts.fct_messages as messages
        where not is_copy and ({held.format("message_text")} or exists (
            select 1 from raw.conversations as lines where lines.document_id = messages.message_key
            and ({held.format("tool_input::varchar")} or {held.format("tool_result_text")})
        )) group by 1
    """
    return dict(rows(demo, sql))


@pytest.mark.parametrize("text", ["watch mode", "cargo test", "migration", "pull request"])
def test_every_message_with_the_words_is_found_and_no_other(demo: Path, ask: Ask, text: str) -> None:
    found = ask(text)
    expected = holding(demo, text)
    assert expected
    assert {row["sessionId"]: row["matches"] for row in found["results"]} == expected
    assert (found["sessions"], found["matches"]) == (len(expected), sum(expected.values()))
    assert all(text in row["snippet"].lower() for row in found["results"])


def test_each_result_names_session_project_date_and_cost(demo: Path, ask: Ask) -> None:
    facts = rows(
        demo,
        "select session_id, title, project_name, cost_usd from marts.dim_sessions "
        "join marts.dim_projects using (project_id) join marts.agg_session_usage using (session_id)",
    )
    known = {session: tuple(rest) for session, *rest in facts}
    results = ask("watch mode")["results"]
    assert results
    for row in results:
        assert (row["title"], row["project"], row["totalCost"]) == known[row["sessionId"]]
        assert row["at"] <= row["lastMatch"]


def test_what_a_person_typed_comes_first(ask: Ask) -> None:
    kinds = [row["kind"] for row in ask("watch mode")["results"]]
    assert kinds[0] == "prompt"
    assert "answer" in kinds or "tool input" in kinds or set(kinds) == {"prompt"}


def test_all_words_have_to_occur_in_one_message_in_any_case_and_order(ask: Ask) -> None:
    together = {row["sessionId"] for row in ask("WATCH", "requests")["results"]}
    assert together == {row["sessionId"] for row in ask("Requests", "watch")["results"]}
    assert together < {row["sessionId"] for row in ask("watch")["results"]}
    assert ask("mode watch")["results"] == []
    assert ask("mode", "watch")["sessions"] >= ask("watch mode")["sessions"] > 0


def test_days_and_projects_select(demo: Path, ask: Ask) -> None:
    whole = ask("watch mode")
    days = sorted(row["at"][:10] for row in whole["results"])
    early = ask("watch mode", "--until", days[0])
    assert 0 < early["sessions"] < whole["sessions"]
    project = whole["results"][0]["project"]
    assert {row["project"] for row in ask("watch mode", "--project", project)["results"]} == {project}


def test_signs_of_regular_expressions_mean_themselves(ask: Ask) -> None:
    assert ask(".*")["matches"] < ask("a")["matches"]
    assert ask("(")["sessions"] > 0
    assert ask("a{500}b[")["results"] == []


def test_a_prompt_whose_transcript_is_gone_is_found(demo: Path, ask: Ask, tmp_path: Path) -> None:
    folder = tmp_path / "duckdb" / "current"
    folder.mkdir(parents=True)
    (folder / "analytics.db").write_bytes((demo / "duckdb" / "current" / "analytics.db").read_bytes())
    with duckdb.connect(str(folder / "analytics.db")) as connection:
        connection.execute(
            "insert into marts.fct_prompts by name select 'k' as prompt_key, 'history' as provenance, "
            "'gone' as history_session_id, now() as sent_at, 20260101 as date_key, 'A zyzzyva?' as prompt_text"
        )
    [row] = ask("zyzzyva", data=tmp_path)["results"]
    assert (row["sessionId"], row["kind"], row["transcriptIsGone"], row["totalCost"]) == ("gone", "prompt", True, None)


def test_the_text_says_how_many_there_are_and_fits(
    demo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo)
    monkeypatch.setenv("COLUMNS", "70")
    assert run("search", ["--data", str(demo), "--limit", "2", "watch mode"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 70
    total = len(holding(demo, "watch mode"))
    assert f"Shown: the best 2 of {total}; --limit {total} shows all." in text
    assert run("search", ["--data", str(demo), "no such words anywhere"]) == 0
    assert capsys.readouterr().out == "No message, tool input or tool output has all of these words.\n"


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["a", "bcd"], ["bcd", "a"]),
        (["flaky test"], ["flaky test"]),
        (['"flaky  test" retry'], ["flaky test", "retry"]),
        (['say"so'], ["say", "so"]),
        (["  x "], ["x"]),
    ],
)
def test_quotes_make_a_phrase(arguments: list[str], found: list[str]) -> None:
    assert words(arguments) == found


@pytest.mark.parametrize("arguments", [[""], [" "], ['""'], ['"']])
def test_nothing_to_look_for_is_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="expected words to look for"):
        words(arguments)
