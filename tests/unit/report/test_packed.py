"""The files beside the report: whole, private, and nothing in them can be run or end the script."""

import stat
from pathlib import Path

import pytest

from report.packed import fingerprint_of, private_folder, read_packed, write_packed
from report.session_files import file_name

HOSTILE = {"text": '</script><script>alert(1)</script>\u2028\u2029\x00\x1b]0;title\x07 "); alert(1); ("'}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    private = tmp_path / "report_sessions"
    private_folder(private)
    return private


def test_what_was_packed_is_what_is_read(folder: Path) -> None:
    write_packed(folder, "one", "abc", HOSTILE)
    assert read_packed(folder / "one.js") == HOSTILE
    assert fingerprint_of(folder / "one.js") == "abc"


def test_no_text_of_a_transcript_stands_in_the_script(folder: Path) -> None:
    write_packed(folder, "one", "abc", HOSTILE)
    script = (folder / "one.js").read_text(encoding="ascii")
    assert "alert" not in script
    assert set(script) < set('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=-_ ()",;\n')


def test_only_the_owner_may_read(folder: Path) -> None:
    write_packed(folder, "one", "abc", {})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "one.js").stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_the_file_before_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_packed(folder, "one", "abc", 1)

    def full(self: Path, target: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        write_packed(folder, "one", "def", 2)
    assert read_packed(folder / "one.js") == 1
    assert [path.name for path in folder.iterdir()] == ["one.js"]


@pytest.mark.parametrize(
    "content", ["", "// another script\n", '// claude-analytics x\nreceive("a");\n', "// claude-a"]
)
def test_a_damaged_file_is_no_value(folder: Path, content: str) -> None:
    (folder / "one.js").write_text(content, encoding="ascii")
    assert read_packed(folder / "one.js") is None
    assert read_packed(folder / "none.js") is None
    assert fingerprint_of(folder / "none.js") is None


def test_a_session_id_that_somebody_wrote_leads_nowhere_else() -> None:
    plain = "1c225e9c-d612-489d-b375-1372d062af82"
    assert file_name(plain) == plain
    for id_ in ("../../report", "a/b", plain.upper(), "", "con", "x" * 5000):
        assert file_name(id_).startswith("session-")
        assert len(file_name(id_)) == len("session-") + 32
