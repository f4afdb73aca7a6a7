"""What counts as a transcript, and by what name."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.opening import note_line
from common.transcript_files import TranscriptsError, absence, check_folder, find, project_of


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names(root: Path) -> list[str]:
    return [file.source_file for file in find(root).transcripts]


def test_every_transcript_is_found_in_a_fixed_order(tmp_path: Path) -> None:
    touch(tmp_path, "b/s.jsonl", "a/s/subagents/agent-1.jsonl", "a/s.jsonl", "a/s/subagents/workflows/w/agent-2.jsonl")
    touch(tmp_path, "loose.jsonl", "a/notes.txt", "a/s/subagents/agent-1.meta.json", "a/s/tool-results/x.txt")
    assert names(tmp_path) == [
        "a/s.jsonl",
        "a/s/subagents/agent-1.jsonl",
        "a/s/subagents/agent-1.meta.json",
        "a/s/subagents/workflows/w/agent-2.jsonl",
        "b/s.jsonl",
        "loose.jsonl",
    ]


def test_a_project_is_the_first_folder() -> None:
    assert project_of("-home-robin/s/subagents/agent-1.jsonl") == "-home-robin"
    assert project_of("loose.jsonl") == "."


def test_links_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "projects", tmp_path / "elsewhere"
    touch(root, "z/s.jsonl")
    touch(elsewhere, "t.jsonl")
    (root / "a-link-to-z").symlink_to(root / "z")
    (root / "moved").symlink_to(elsewhere)
    (root / "z" / "loop").symlink_to(root)
    (root / "dangling").symlink_to(root / "nowhere")
    assert names(root) == ["moved/t.jsonl", "z/s.jsonl"]


def test_a_name_that_is_no_utf8_is_found_and_fit_for_a_database(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl")).touch()
    (found,) = find(tmp_path).transcripts
    assert found.source_file == "caf\\xe9.jsonl"
    assert found.path.exists()


@pytest.mark.parametrize("check", [find, check_folder])
def test_a_missing_directory_is_one_clear_line(tmp_path: Path, check: object) -> None:
    assert callable(check)
    (tmp_path / "file").touch()
    for path, found in ((tmp_path / "no", "No such file"), (tmp_path / "file", "Not a directory")):
        with pytest.raises(
            TranscriptsError, match=rf"^transcripts directory {path}: expected .* {found}.*TRANSCRIPTS_DIR"
        ):
            check(path)


@contextmanager
def as_ordinary_user() -> Iterator[Path]:
    """A folder that everybody may read, and no right to read what one may not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        user = os.geteuid()
        try:
            yield Path(name)
        finally:
            os.seteuid(user)


def test_a_directory_that_may_not_be_read_is_said_and_stops_nothing() -> None:
    with as_ordinary_user() as root:
        touch(root, "closed/s.jsonl", "open/s.jsonl")
        (root / "closed").chmod(0)
        if os.geteuid() == 0:
            os.seteuid(65534)
        findings, user = find(root), os.geteuid()
        owner = (root / "closed").stat().st_uid
    whose = "" if owner == user else f": it belongs to user {owner}, and this runs as user {user}"
    assert [file.source_file for file in findings.transcripts] == ["open/s.jsonl"]
    assert findings.unreadable == {"closed": f"Permission denied{whose}"}


def test_a_directory_in_a_home_that_may_not_be_entered_is_absent_as_far_as_we_can_tell() -> None:
    with as_ordinary_user() as folder:
        (folder / "home/.claude/projects").mkdir(parents=True)
        (folder / "home").chmod(0o700 if os.geteuid() == 0 else 0)
        owner = os.geteuid()
        if owner == 0:
            os.seteuid(65534)
        reason, user = absence(folder / "home/.claude/projects"), os.geteuid()
    assert reason == (
        f"{folder}/home belongs to user {owner} alone, and this runs as user {user}; "
        f"if the transcripts are in it, set TRANSCRIPTS_UID={owner}"
    )


def test_what_is_there_is_not_absent_and_what_is_not_has_a_reason(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    (tmp_path / "link").symlink_to("nowhere")
    assert [absence(tmp_path / name) for name in (".", "file", "file/projects", "link", "link/projects")] == [None] * 5
    assert absence(tmp_path / "home/.claude/projects") == "No such file or directory"


@pytest.mark.parametrize(
    "note",
    [b'{"agentType":"\\ud800"}', b'{"n":' + b"9" * 30 + b"}", b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", b"7", b"{"],
)
def test_a_note_of_any_content_becomes_lines(note: bytes) -> None:
    """Half a surrogate pair, an integer beyond 64 bits, nesting that orjson does not write, and what is no object."""
    line = note_line("p/s/subagents/agent-a1.meta.json", note)
    assert line.endswith(b"\n")
    assert b'"agentId":"a1"' in line or line == note + b"\n"


def test_the_history_of_prompts_lies_beside_the_folder_projects(tmp_path: Path) -> None:
    """Only there: a folder of another name may have any neighbour."""
    root, other = tmp_path / "projects", tmp_path / "others"
    root.mkdir()
    other.mkdir()
    assert names(root) == []
    (tmp_path / "history.jsonl").touch()
    assert (names(root), names(other)) == (["../history.jsonl"], [])
    assert [file.source_file for file in find(root, "~label/").transcripts] == ["~label/../history.jsonl"]
