"""A transcript is given back byte for byte, from both record stores, whatever it held."""

import gzip
import json
import os
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import collector
from common.transcript_files import find
from records import RecordStore
from records.mongo_store import MongoStore
from records.sqlite_store import SqliteStore
from tests.faults.hostile_tree import write_hostile
from tests.integration.collecting import LINE, append, write
from vault.transcripts import GivenBack, GivenBackError, Wanted, give_back


def read(path: Path) -> bytes:
    """A file's content; of a compressed one, what is in it."""
    content = path.read_bytes()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def assert_equal(projects: Path, target: Path, store: RecordStore, *, host: str = "laptop") -> int:
    """Each file of which something was read is given back with exactly the bytes that were read; return how many."""
    given = give_back(store, Wanted(host=host), target)
    assert [(back.path.name, back.problem) for back in given if back.problem] == []
    paths = {transcript.source_file: transcript.path for transcript in find(projects).transcripts}
    read_bytes = {state.source_file: state.read_bytes for state in store.states(host).values() if state.kind == "file"}
    for back in given:
        source = read(paths[back.state.source_file])
        if not back.state.source_file.endswith(".meta.json"):
            source = source[: read_bytes[back.state.source_file]]
        assert back.path.read_bytes() == source, back.state.source_file
        assert stat.S_IMODE(back.path.stat().st_mode) == 0o600
    assert len(given) == sum(size > 0 for size in read_bytes.values())
    return len(given)


ODD_FILES = {
    "p/plain.jsonl": LINE % 1 + LINE % 2,
    "p/no-end.jsonl": (LINE % 3 + LINE % 4)[:-1],
    "p/blank-lines.jsonl": b"\n\n" + LINE % 5 + b"\n \t\n" + LINE % 6 + b"\n\n",
    "p/carriage-returns.jsonl": (LINE % 7 + LINE % 8).replace(b"\n", b"\r\n"),
    "p/marks.jsonl": b"\xef\xbb\xbf" + LINE % 9 + b"\0\0" + (LINE % 10)[:-1] + b" \xef\xbb\xbf\n",
    "p/repeated.jsonl": (LINE % 11) * 3 + b'{"type":"mode"}\n' * 3 + LINE % 11,
    "p/copied.jsonl": LINE % 2 + LINE % 12 + LINE % 1,
    "p/one-line.jsonl": b"".join(LINE % number for number in range(20, 30)).replace(b"\n", b" "),
    "p/respelt.jsonl": b'{ "uuid" : "\\u0075" , "n":1.0e3, "n":2, "b": 12345678901234567890123 }\n{"s":"caf\xe9"}\n',
    "p/rejected.jsonl": b"garbage\n" + LINE % 13 + b"garbage\n[1]\n" + LINE % 14 + b'{"half":\n',
    "p/only-blank.jsonl": b"\n" * 1000,
    "p/plain/subagents/agent-1.jsonl": LINE % 15 + LINE % 1,
    "p/plain/subagents/agent-1.meta.json": b'{\n  "agentType": "Explore"\n}',
    "q/plain.jsonl.gz": gzip.compress(LINE % 16 + LINE % 17),
}


def write_odd(projects: Path) -> None:
    for name, content in ODD_FILES.items():
        write(projects / name, content)


def test_every_odd_file_comes_back_as_it_was(store: RecordStore, tmp_path: Path) -> None:
    write_odd(tmp_path / "projects")
    write(tmp_path / "history.jsonl", b'{"display":"hi"}\n')
    collector.collect(store, tmp_path / "projects", "laptop")
    assert assert_equal(tmp_path / "projects", tmp_path / "back", store) == len(ODD_FILES) + 1
    assert (tmp_path / "back" / "history.jsonl").exists()


def test_it_does_not_depend_on_how_often_the_files_were_looked_at(store: RecordStore, tmp_path: Path) -> None:
    """The files grow by pieces that end within lines, and are read after each."""
    pieces = 7
    for number in range(pieces):
        for name, content in ODD_FILES.items():
            if not name.endswith((".gz", ".json")):
                path = tmp_path / "projects" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                append(path, content[len(content) * number // pieces : len(content) * (number + 1) // pieces])
        collector.collect(store, tmp_path / "projects", "laptop")
    assert_equal(tmp_path / "projects", tmp_path / "back", store)


def test_a_rewritten_file_comes_back_as_it_is_now(store: RecordStore, tmp_path: Path) -> None:
    file = tmp_path / "projects/p/s.jsonl"
    contents = [
        b"".join(LINE % number for number in range(6)),
        b"".join(LINE % number for number in (4, 2, 9)),
        LINE % 9 + b"\r\n" + LINE % 0,
    ]
    for content in contents:
        write(file, content)
        collector.collect(store, tmp_path / "projects", "laptop")
    append(file, LINE % 10)
    collector.collect(store, tmp_path / "projects", "laptop")
    assert_equal(tmp_path / "projects", tmp_path / "back", store)


def test_a_machine_that_got_another_name_gives_its_files_back_under_both(store: RecordStore, tmp_path: Path) -> None:
    write_odd(tmp_path / "projects")
    for host in ("laptop", "renamed"):
        collector.collect(store, tmp_path / "projects", host)
        assert_equal(tmp_path / "projects", tmp_path / host, store, host=host)


@pytest.mark.parametrize(("store", "seed"), [("sqlite", 1), ("sqlite", 2), ("mongo", 1)], indirect=["store"])
def test_a_hostile_tree_comes_back_as_it_was(store: RecordStore, tmp_path: Path, seed: int) -> None:
    projects = tmp_path / "projects"
    write_hostile(projects, seed=seed, files=3, lines=40, scratch=tmp_path)
    (projects / "-work-hostile-odd" / "pipe.jsonl").unlink()
    collector.collect(store, projects, "laptop")
    assert assert_equal(projects, tmp_path / "back", store) > 30


def copy_small_files(projects: Path, to: Path) -> Path:
    """Copy the files of at most 256 KiB, and each larger one that has a line which is no JSON: all kinds, a tenth."""
    for path in projects.rglob("*.jsonl"):
        content = path.read_bytes()
        if len(content) <= 256 * 1024 or not all(map(is_json, lines_in(content))):
            write(to / path.relative_to(projects), content)
    return to


def lines_in(content: bytes) -> list[bytes]:
    return [line for line in content.split(b"\n") if line.strip()]


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


@pytest.mark.corpus
def test_every_line_of_the_corpus_is_stored_and_every_file_comes_back_as_it_was(
    store: RecordStore, tmp_path: Path, corpus: Path, expected: dict[str, Any]
) -> None:
    projects, lines, malformed = corpus / "projects", expected["lines"], expected["malformed"]
    if isinstance(store, MongoStore):  # its stand-in is slow: what a whole history's size shows, SQLite shows
        projects = copy_small_files(projects, tmp_path / "projects")
        lines = sum(len(lines_in(path.read_bytes())) for path in projects.rglob("*.jsonl"))
        assert lines > expected["lines"] / 12
    result = collector.collect(store, projects, "laptop")
    assert (result.lines, result.dead_letters) == (lines, malformed)
    assert store.count() == lines - malformed
    assert sum(state.dead_letters for state in store.states("laptop").values()) == malformed
    assert assert_equal(projects, tmp_path / "back", store) > 0


def names(given: list[GivenBack]) -> set[str]:
    return {back.state.source_file for back in given}


def test_a_session_is_its_file_and_its_sub_agents(store: RecordStore, tmp_path: Path) -> None:
    line = b'{"type":"user","uuid":"%d","sessionId":"%s"}\n'
    write_odd(tmp_path / "projects")
    write(tmp_path / "projects/p/agent-old.jsonl", line % (90, b"plain"))
    write(tmp_path / "projects/p/agent-other.jsonl", line % (91, b"another"))
    collector.collect(store, tmp_path / "projects", "laptop")
    found = names(give_back(store, Wanted(session="plain"), tmp_path / "back"))
    assert found == {
        *(name for name in ODD_FILES if "plain" in name and not name.startswith("q/")),
        "q/plain.jsonl.gz",
        "p/agent-old.jsonl",
    }
    assert (tmp_path / "back/projects/p/plain.jsonl").read_bytes() == ODD_FILES["p/plain.jsonl"]


def test_a_session_is_found_by_the_beginning_of_its_id(store: RecordStore, tmp_path: Path) -> None:
    write_odd(tmp_path / "projects")
    collector.collect(store, tmp_path / "projects", "laptop")
    assert names(give_back(store, Wanted(session="carr"), tmp_path / "back")) == {"p/carriage-returns.jsonl"}
    with pytest.raises(GivenBackError, match=r"expected an id or a unique prefix, found 're': 3 sessions start"):
        give_back(store, Wanted(session="re"), tmp_path / "back")
    with pytest.raises(GivenBackError, match="no collected transcript has that name"):
        give_back(store, Wanted(session="nobody"), tmp_path / "back")


def test_a_project_is_given_back_whole(store: RecordStore, tmp_path: Path) -> None:
    write_odd(tmp_path / "projects")
    collector.collect(store, tmp_path / "projects", "laptop")
    assert names(give_back(store, Wanted(project="q"), tmp_path / "back")) == {"q/plain.jsonl.gz"}
    with pytest.raises(GivenBackError, match=r"expected the id of a collected project \(p, q\), found 'r'"):
        give_back(store, Wanted(project="r"), tmp_path / "back")


def test_a_file_that_is_there_is_left_and_another_one_is_an_error(store: RecordStore, tmp_path: Path) -> None:
    write_odd(tmp_path / "projects")
    collector.collect(store, tmp_path / "projects", "laptop")
    (first,) = give_back(store, Wanted(session="repeated"), tmp_path / "back")
    (again,) = give_back(store, Wanted(session="repeated"), tmp_path / "back")
    assert (first.is_new, again.is_new) == (True, False)
    first.path.write_bytes(b"mine")
    with pytest.raises(GivenBackError, match="expected no file or an identical one, found a different"):
        give_back(store, Wanted(session="repeated"), tmp_path / "back")
    assert first.path.read_bytes() == b"mine"
    assert os.listdir(first.path.parent) == ["repeated.jsonl"]  # noqa: PTH208 - nothing unfinished is left either


def test_a_link_leads_no_file_out_of_the_folder(store: RecordStore, tmp_path: Path) -> None:
    write_odd(tmp_path / "projects")
    collector.collect(store, tmp_path / "projects", "laptop")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "back/projects").mkdir(parents=True)
    (tmp_path / "back/projects/p").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GivenBackError, match="found a link out of it"):
        give_back(store, Wanted(session="repeated"), tmp_path / "back")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_was_not_kept_is_named_and_written_only_on_request(tmp_path: Path) -> None:
    """As in a store of an earlier version, which kept nothing but the lines."""
    write_odd(tmp_path / "projects")
    with closing(SqliteStore(tmp_path / "records.db")) as store:
        collector.collect(store, tmp_path / "projects", "laptop")
        with store.transaction():
            store._connection.execute("delete from file_layouts")
        (back,) = give_back(store, Wanted(session="repeated"), tmp_path / "back")
        size, mode = len(LINE % 11), len(b'{"type":"mode"}\n')
        first, second = (size - 1, 3 * size), (3 * (size + mode) - 1, 4 * size + 3 * mode)
        lost = second[1] - second[0] + first[1] - first[0]
        assert back.problem == (
            f"{lost} of {second[1]} bytes are not kept: bytes {first[0]}-{first[1] - 1}, {second[0]}-{second[1] - 1}"
        )
        assert not back.path.exists()
        (written,) = give_back(store, Wanted(session="repeated"), tmp_path / "back", incomplete=True)
        assert written.problem == back.problem
        assert written.path.read_bytes().startswith(LINE % 11)
        (exact,) = give_back(store, Wanted(session="no-end"), tmp_path / "back")
        assert exact.problem is None
