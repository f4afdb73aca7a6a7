"""What Metabase's image does before Java starts, and that the docs say where the stand-in's knowledge is from."""

import os
import re
import subprocess
from pathlib import Path

from tests.standin_metabase.app import ROUTES

ROOT = Path(__file__).resolve().parents[3]


def test_java_gets_the_timezone_the_password_and_ends_where_its_memory_does(tmp_path: Path) -> None:
    """The official image's script does the first and the last; ours has to."""
    java = tmp_path / "java"
    java.write_text('#!/bin/sh\nprintf "%s\\n" "$MB_DB_PASS" "${MB_DB_PASS_FILE-}" "$@"\n')
    java.chmod(0o755)
    (tmp_path / "password").write_text("se cret")
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "MB_PLUGINS_DIR": str(tmp_path),
        "MB_DB_PASS_FILE": str(tmp_path / "password"),
        "JAVA_TIMEZONE": "Asia/Kolkata",
    }
    command = ["sh", str(ROOT / "metabase" / "start.sh")]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[:2] == ["se cret", ""]
    assert {"-XX:+CrashOnOutOfMemoryError", "-Duser.timezone=Asia/Kolkata"} <= set(said)
    assert (tmp_path / "duckdb.metabase-driver.jar").is_symlink()


def test_every_route_of_the_stand_in_has_the_file_that_it_was_read_from() -> None:
    text = (ROOT / "docs" / "not-verified.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`/api/.+?`) \| `src/metabase/\S+\.clj`.*\|$", text, re.MULTILINE)
    documented = {route for row in rows for route in re.findall(r"`(/api/[a-z-]+)`", row)}
    assert {"/".join(path.split("/")[:3]) for _, path, _, _ in ROUTES} == documented
