"""`show` on the sample: every prompt and call in its order, sub-agents folded, nothing that a terminal obeys."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from cli.quick.start import run
from tests.integration.published_rows import rows

ROOT = Path(__file__).resolve().parents[2]
Shown = Callable[..., tuple[int, str]]


@pytest.fixture
def shown(demo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Run `show` on the sample and return its exit code and what it prints."""
    monkeypatch.chdir(demo)
    monkeypatch.setenv("COLUMNS", "100")

    def answer(*options: str, data: Path = demo) -> tuple[int, str]:
        code = run("show", ["--data", str(data), *options])
        out, err = capsys.readouterr()
        return code, out + err

    return answer


def with_most(demo: Path, condition: str) -> str:
    """The session with the most tool calls of which this is true."""
    calls = f"select session_id from marts.fct_tool_calls where {condition} group by 1 order by count(*) desc limit 1"
    return str(rows(demo, calls)[0][0])


def test_every_prompt_answer_and_call_is_there_in_its_order(demo: Path, shown: Shown) -> None:
    session = with_most(demo, "outcome = 'error'")
    said = json.loads(shown(session, "--json")[1])
    main = f"session_id = '{session}' and not is_subagent"
    asked = f"from marts.fct_messages where {main} and turn_type = 'human_prompt'"
    prompts = rows(demo, f"select message_text {asked} order by sent_at")
    assert [(part["text"],) for part in said["parts"] if part["kind"] == "human_prompt"] == prompts
    called = f"from marts.fct_tool_calls where {main}"
    calls = rows(demo, f"select tool_name, outcome, count(*) {called} group by all order by 1, 2")
    found = [(part["tool"], part["outcome"]) for part in said["parts"] if part["kind"] == "tool_call"]
    assert sorted((*call, found.count(call)) for call in set(found)) == calls
    times = [part["at"] for part in said["parts"]]
    assert times == sorted(times)
    tokens = rows(demo, f"select total_tokens, cost_usd from marts.agg_session_usage where session_id = '{session}'")
    assert [(said["totalTokens"], said["totalCost"])] == tokens


def test_a_failed_call_says_why(demo: Path, shown: Shown) -> None:
    session = with_most(demo, "outcome = 'error'")
    code, text = shown(session)
    failed = f"session_id = '{session}' and outcome = 'error' and not is_subagent"
    why = rows(demo, f"select error_text from marts.fct_tool_calls where {failed}")
    assert code == 0
    assert text.count("✗ failed") == len(why)
    assert all(error.split()[0] in text for (error,) in why)


def test_sub_agents_are_folded_until_they_are_asked_for(demo: Path, shown: Shown) -> None:
    session = with_most(demo, "is_subagent and agent_id is not null")
    agents = f"from marts.dim_agents where session_id = '{session}'"
    prompt, count = rows(demo, f"select any_value(prompt), count(*) {agents}")[0]
    folded, whole = shown(session)[1], shown(session, "--subagents")[1]
    assert folded.count("(--subagents shows it)") == count
    assert prompt.split("\n")[0] not in folded
    assert prompt.split("\n")[0] in whole
    assert "(--subagents shows it)" not in whole


def test_what_the_prompts_cost_adds_up_to_the_session(demo: Path, shown: Shown) -> None:
    session = with_most(demo, "outcome = 'success'")
    text = shown(session)[1]
    parts = [
        float(line.split("$")[1].split(",")[0])
        for line in text.splitlines()[3:]
        if line.startswith("20") and "$" in line
    ]
    (cost,) = rows(demo, f"select cost_usd from marts.agg_session_usage where session_id = '{session}'")[0]
    assert len(parts) > 1
    assert sum(parts) == pytest.approx(cost, abs=0.006 * len(parts))


def test_the_beginning_of_an_id_is_enough_and_latest_is_the_last_active(demo: Path, shown: Shown) -> None:
    ended = rows(demo, "select session_id from marts.dim_sessions order by ended_at desc nulls last limit 1")[0][0]
    for wanted in ("latest", ended, ended[:13]):
        assert json.loads(shown(wanted, "--json")[1])["sessionId"] == ended


@pytest.mark.parametrize(
    ("wanted", "said"), [("nope", "no session id starts with 'nope'"), ("", "several session ids start")]
)
def test_an_id_that_names_no_session_or_several_takes_one_line(shown: Shown, wanted: str, said: str) -> None:
    code, text = shown(wanted)
    assert code == 2
    assert said in text
    assert text.count("\n") == 1


def test_a_long_text_is_cut_with_a_cue_unless_it_is_wanted_whole(demo: Path, shown: Shown, tmp_path: Path) -> None:
    session = rows(demo, "select session_id from marts.fct_messages where turn_type = 'compact_summary' limit 1")[0][0]
    long = "'one' || repeat(chr(10) || 'more', 20) || ' end'"
    summaries = f"session_id = '{session}' and turn_type = 'compact_summary'"
    data = _changed(tmp_path, demo, f"update marts.fct_messages set message_text = {long} where {summaries}")
    assert "… 9 more lines (--full shows them)" in shown(session, data=data)[1]
    assert "more end" in shown(session, "--full", data=data)[1]


def test_no_escape_sequence_reaches_the_terminal(demo: Path, shown: Shown, tmp_path: Path) -> None:
    evil = "'a' || chr(27) || ']0;owned' || chr(7) || chr(27) || '[2J' || chr(155) || 'z'"
    data = _changed(
        tmp_path,
        demo,
        f"update marts.fct_messages set message_text = {evil} where message_text != ''",
        f"update marts.fct_tool_calls set tool_name = {evil}, command_text = {evil}, error_text = {evil}",
        f"update marts.dim_sessions set title = {evil}",
        f"update marts.dim_agents set agent_type = {evil}",
        f"update marts.dim_projects set project_name = {evil}",
    )
    session = with_most(demo, "is_subagent and agent_id is not null")
    text = shown(session, "--subagents", data=data)[1]
    assert len(text.splitlines()) > 20
    assert {character for character in text if not character.isprintable()} == {"\n"}


@pytest.mark.parametrize("pager", ["tr a-z A-Z", "no-such-pager"])
def test_a_terminal_gets_the_pager_or_where_there_is_none_the_text(demo: Path, pager: str) -> None:
    master, slave = os.openpty()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PAGER": pager, "TERM": "xterm"}
    command = [sys.executable, "-P", "-m", "cli", "show", "latest", "--data", str(demo)]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=demo) as process:
        os.close(slave)
        said = bytearray()
        with suppress(OSError):  # the end of a terminal's output
            while part := os.read(master, 65536):
                said += part
    os.close(master)
    text = said.decode()
    assert process.returncode == 0, text
    title = rows(demo, "select title from marts.dim_sessions order by ended_at desc nulls last limit 1")[0][0][:20]
    assert (title.upper() if pager.startswith("tr") else title) in text
    assert "\x1b[1" in text  # bold


def _changed(data: Path, demo: Path, *statements: str) -> Path:
    """A data directory with a published database that differs."""
    folder = data / "duckdb" / "current"
    folder.mkdir(parents=True)
    (folder / "analytics.db").write_bytes((demo / "duckdb" / "current" / "analytics.db").read_bytes())
    with duckdb.connect(str(folder / "analytics.db")) as connection:
        for statement in statements:
            connection.execute(statement)
    return data
