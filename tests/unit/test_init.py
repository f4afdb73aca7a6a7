"""The script that makes the secrets: every password that it makes is one that Metabase takes."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "services" / "init" / "init.sh"
STRONG = (r"[a-z].*[a-z]", r"[A-Z].*[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")
"""What MB_PASSWORD_COMPLEXITY=strong asks for; the default asks for a digit."""


def _shell(commands: str, folder: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    script = f"INIT_LIBRARY=1; . {SCRIPT}; all={folder}; {commands}"
    return subprocess.run(["sh", "-c", script], input=stdin, capture_output=True, text=True, check=False)


def test_a_hundred_passwords_satisfy_metabase_and_differ(tmp_path: Path) -> None:
    passwords = _shell("i=0; while [ $i -lt 100 ]; do password; echo; i=$((i + 1)); done", tmp_path).stdout.split()
    assert len(passwords) == len(set(passwords)) == 100
    for password in passwords:
        assert len(password) >= 24
        assert all(re.search(pattern, password) for pattern in STRONG), password


def test_a_password_of_an_earlier_release_is_kept_unless_metabase_can_never_have_taken_it(tmp_path: Path) -> None:
    for before, kept in (("abcDEF1_-", True), ("abcDEF_-", False)):
        (tmp_path / "metabase_password").write_text(before)
        (tmp_path / "metabase_password").chmod(0o600)
        _shell("make_password metabase_password", tmp_path)
        assert ((tmp_path / "metabase_password").read_text() == before) == kept


def test_a_password_without_a_digit_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "metabase_password").write_text("before-1")
    done = _shell("take metabase_password", tmp_path, "no digits here\n")
    assert (done.returncode, (tmp_path / "metabase_password").read_text()) == (2, "before-1")
    assert done.stderr.strip().endswith("found no digit; nothing was changed")
    assert _shell("take metabase_password", tmp_path, "one-digit-7\n").returncode == 0
    assert (tmp_path / "metabase_password").read_text() == "one-digit-7"
    assert [path.name for path in tmp_path.iterdir()] == ["metabase_password"]


def test_a_token_is_made_again_and_an_accounts_password_is_not(tmp_path: Path) -> None:
    (tmp_path / "loader_token").write_text("before")
    (tmp_path / "loader_token").chmod(0o600)
    assert _shell("rotatable loader_token && rotate loader_token", tmp_path).returncode == 0
    after = (tmp_path / "loader_token").read_text()
    assert after != "before"
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", after)
    done = _shell("rotatable mongo_root_password && rotate mongo_root_password", tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [tmp_path / "loader_token"])
    assert done.stderr.endswith("found 'mongo_root_password'\n")
