"""What was forgotten is gone from both copies and is not collected again; whatever else there is stays."""

import json
from contextlib import closing
from pathlib import Path

import pytest

import collector
from collector.standing import ROOT_NAME
from common.settings import Settings
from records import open_store
from records.file_state import DIRECTORY, FileState
from tests.integration.collecting import append, write
from tests.integration.vault.backing import contents
from tests.integration.vault.forgetting import GONE, KEPT, PUBLIC, SECRET, ask, carry_out, collect, extract, left, line
from vault.errors import ForgetError
from vault.selection import BEFORE, HOST, PROJECT, SESSION, Wanted, select
from vault.transcripts import Wanted as Transcripts
from vault.transcripts import give_back


def test_a_session_is_gone_from_both_copies(past: Settings) -> None:
    assert len(left(past)) > 6, "the search finds what is there"
    before = contents(past)
    selection = ask(past, SESSION, GONE[:5])
    assert (len(selection.lines), len(selection.rejected), selection.sessions) == (10, 1, {GONE})
    assert selection.value == GONE
    carry_out(past)
    assert left(past) == []
    after = contents(past)
    assert [line.line_id for line in after["lines"]] == [
        line.line_id for line in before["lines"] if line.line_id not in selection.lines
    ]
    assert len(after["lines"]) == 9
    assert (after["rejected"], len(after["states"])) == ([], 2)


def test_it_is_not_collected_again_however_the_file_comes_back(past: Settings, tmp_path: Path) -> None:
    ask(past, SESSION, GONE)
    carry_out(past)
    for _ in range(2):
        result = collect(past)
        assert (result.documents, result.dead_letters, result.files_forgotten) == (0, 0, 2)
    append(tmp_path / "projects" / "-home-me-secret" / f"{GONE}.jsonl", line(GONE, 100, SECRET))
    write(tmp_path / "projects" / "-elsewhere" / "copy.jsonl", line(GONE, 3, SECRET, 3) + line(GONE, 101, SECRET))
    result = collect(past)
    assert (result.documents, result.forgotten, result.files_forgotten) == (0, 2, 2)
    assert collect(past).files_forgotten == 3, "a file of which every line was refused is not read again"
    append(tmp_path / "history.jsonl", json.dumps({"display": SECRET, "sessionId": GONE}).encode() + b"\n")
    assert collect(past).forgotten == 1
    extract(past)
    assert left(past) == []


def test_a_project_goes_with_its_prompts_and_what_is_new_in_it_is_collected(past: Settings, tmp_path: Path) -> None:
    selection = ask(past, PROJECT, "/home/me/secret")
    assert (selection.value, len(selection.lines)) == ("-home-me-secret", 10)
    carry_out(past)
    assert left(past) == []
    new = "33333333-3333-4333-8333-333333333333"
    write(tmp_path / "projects" / "-home-me-secret" / f"{new}.jsonl", line(new, 1, PUBLIC))
    assert collect(past).documents == 1


@pytest.mark.parametrize("person", ["laptop", "Anna"])
def test_a_person_is_the_machines_that_the_lines_came_from(past: Settings, tmp_path: Path, person: str) -> None:
    write(tmp_path / "theirs" / "p" / f"{'4' * 8}.jsonl", line("4" * 8, 1, "of somebody else"))
    with closing(open_store(past)) as store:
        collector.collect(store, tmp_path / "theirs", "theirs")
        standing = FileState.new("laptop", tmp_path / "projects", ROOT_NAME, DIRECTORY)
        standing.person = "Anna"  # as the receiver notes it
        store.save_states([standing])
    ask(past, HOST, person)
    carry_out(past)
    assert {line.place.host for line in contents(past)["lines"]} == {"theirs"}
    assert {state["host"] for state in contents(past)["states"]} == {"theirs"}


def test_before_a_day_goes_by_lines_and_what_is_newer_in_a_file_stays(past: Settings, tmp_path: Path) -> None:
    file = tmp_path / "projects" / "-home-me-shop" / f"{KEPT}.jsonl"
    append(file, b'{"type":"summary","summary":"undated, so as old as what is before it"}\n')
    collect(past)
    selection = ask(past, BEFORE, "2026-03-05")
    carry_out(past)
    lines = contents(past)["lines"]
    days = {json.loads(line.content).get("timestamp") for line in lines}
    assert not any(str(day) < "2026-03-05" for day in days if isinstance(day, str))
    assert sum(line.session_id == KEPT for line in lines) == 4
    assert any(b"undated" in line.content for line in lines)
    states = {state["sourceFile"]: state for state in contents(past)["states"]}
    assert states[f"-home-me-shop/{KEPT}.jsonl"]["lines"] == 5
    assert len(selection.lines) == 4 + 4 + 1 + 2
    append(file, line(KEPT, 9, PUBLIC, 9))
    assert collect(past).documents == 1, "the session goes on"
    file.write_bytes(file.read_bytes()[1:] + b"\n" + file.read_bytes())
    assert collect(past).forgotten == 3 + 4, "rewritten, its first line broken: refused line by line"


def test_what_is_not_known_is_said_in_one_line(past: Settings) -> None:
    with closing(open_store(past)) as store:
        for kind, value, said in (
            (SESSION, "nope", "session: expected an id or a unique prefix, found 'nope': no collected"),
            (PROJECT, "/nope", "project: expected the id or path of a collected project"),
            (HOST, "nope", r"person: expected a person or the name of a machine \(laptop\), found 'nope'"),
            (BEFORE, "yesterday", "before: expected a day such as 2026-01-31, found 'yesterday'"),
        ):
            with pytest.raises(ForgetError, match=said):
                select(store, Wanted(kind, value))


def test_copies_in_other_sessions_are_named_and_nothing_of_theirs_is_searched_for(
    past: Settings, tmp_path: Path
) -> None:
    copy = json.loads(line(GONE, 5, SECRET, 5)) | {"sessionId": KEPT}
    append(tmp_path / "projects" / "-home-me-shop" / f"{KEPT}.jsonl", json.dumps(copy).encode() + b"\n")
    collect(past)
    with closing(open_store(past)) as store:
        selection = select(store, Wanted(SESSION, GONE))
    assert selection.copies == {KEPT: 1}
    assert copy["uuid"] not in selection.samples
    assert GONE in selection.samples


@pytest.mark.parametrize("kind", [SESSION, PROJECT])
def test_lines_of_another_session_that_its_own_file_has_stay(past: Settings, tmp_path: Path, kind: str) -> None:
    """A resumed session repeats lines of the one before it, under that one's id; the first file read keeps them."""
    other, resumed = "00000000-0000-4000-8000-000000000000", "-home-me-aaa"
    repeated = b"".join(line(KEPT, number, PUBLIC, number) for number in (20, 21))
    write(tmp_path / "projects" / resumed / f"{other}.jsonl", repeated + line(other, 1, SECRET))
    append(tmp_path / "projects" / "-home-me-shop" / f"{KEPT}.jsonl", repeated)
    collect(past)
    extract(past)
    before = {line.line_id: line.content for line in contents(past)["lines"] if line.session_id == KEPT}
    assert len(before) == 10
    selection = ask(past, kind, other if kind == SESSION else resumed)
    assert (len(selection.lines), selection.sessions) == (1, {other})
    carry_out(past)
    kept = [line for line in contents(past)["lines"] if line.session_id == KEPT]
    assert {line.line_id: line.content for line in kept} == before
    assert other not in str(contents(past)) + str(left(past, other))
    with closing(open_store(past)) as store:
        given = give_back(store, Transcripts(session=KEPT), tmp_path / "given")
    assert [back.problem for back in given] == [None]
    assert collect(past).documents == 0
