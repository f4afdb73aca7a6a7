"""The launcher `analytics`, run for real in small checkouts made for it: their lock files name no package."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LAUNCHER = Path(__file__).resolve().parents[2] / "analytics"
INSTALLING = "installing requirements/"
ECHO = """import json, os, sys
print(json.dumps([sys.argv[1:], sys.prefix, os.getcwd()]))
sys.exit(7 if "fail" in sys.argv else 0)
"""
COPIES = """import shutil, sys
if __name__ == "__main__":
    shutil.copytree({environment!r}, sys.argv[1], symlinks=True)
"""


def make_checkout(folder: Path) -> Path:
    """A checkout whose command and whose pytest print their arguments, their environment's folder and their own."""
    for package in ("cli", "pytest"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__main__.py").write_text(ECHO)
    (folder / "requirements").mkdir()
    for name in ("standalone", "dev"):
        (folder / "requirements" / f"{name}.txt").write_text("# nothing\n")
    shutil.copy(LAUNCHER, folder / "analytics")
    return folder


def environment(**extra: str) -> dict[str, str]:
    """This machine's, without uv (its own test asks for it) and without what pytest's own launcher exported."""
    path = os.pathsep.join(
        folder
        for folder in os.environ["PATH"].split(os.pathsep)
        if not (Path(folder) / "uv").exists() and Path(folder).resolve() != Path(sys.prefix, "bin").resolve()
    )
    base = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return base | {"PATH": f"{Path(sys.base_prefix, 'bin')}{os.pathsep}{path}"} | extra


def launch(
    program: Path, *arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments], cwd=cwd, env=env or environment(), capture_output=True, text=True, check=False
    )


def echoed(result: subprocess.CompletedProcess[str]) -> Any:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that has run once, so that its environment is there."""
    folder = make_checkout(tmp_path_factory.mktemp("checkout") / "with space")
    assert INSTALLING in launch(folder / "analytics").stderr
    return folder


@pytest.fixture(scope="module")
def ready(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a launcher whose `python -m venv` copies an environment: that is most of an installation's time.

    For tests that are not about environments themselves; pip is the real one.
    """
    folder = tmp_path_factory.mktemp("ready")
    made = folder / "environment"
    shutil.copytree(checkout / ".venv", made, symlinks=True)
    (made / "analytics.stamp").unlink()
    (folder / "venv.py").write_text(COPIES.format(environment=str(made)))
    return environment(PYTHONPATH=str(folder))


def test_a_second_start_installs_nothing_and_passes_every_argument_as_it_is(checkout: Path, tmp_path: Path) -> None:
    arguments = ["sql", "select * from x where y = 'a b'", "", "*", "--", "-n"]
    result = launch(checkout / "analytics", *arguments, cwd=tmp_path)
    assert result.stderr == ""
    assert echoed(result) == [arguments, str(checkout / ".venv"), str(tmp_path)]


def test_the_exit_code_is_the_commands_own(checkout: Path) -> None:
    assert launch(checkout / "analytics", "fail").returncode == 7


def test_it_works_through_a_chain_of_symlinks_from_any_folder(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "absolute").symlink_to(checkout / "analytics")
    (tmp_path / "relative").symlink_to("absolute")
    assert echoed(launch(tmp_path / "relative", cwd=Path("/")))[1] == str(checkout / ".venv")


def test_a_folder_named_like_a_room_of_ours_is_not_imported_from_where_one_stands(
    checkout: Path, tmp_path: Path
) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "__main__.py").write_text("raise SystemExit('the wrong one')")
    assert echoed(launch(checkout / "analytics", "x", cwd=tmp_path))[0] == ["x"]


def test_the_users_own_python_variables_do_not_reach_the_command(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong one')")
    env = environment(PYTHONPATH=str(tmp_path), PYTHONHOME=str(tmp_path))
    assert echoed(launch(checkout / "analytics", "x", env=env))[0] == ["x"]


def test_bench_has_what_it_compares_us_with(tmp_path: Path, ready: dict[str, str]) -> None:
    program = make_checkout(tmp_path / "checkout") / "analytics"
    first = launch(program, "bench", "--json", env=ready)
    assert f"{INSTALLING}dev.txt" in first.stderr
    assert echoed(first)[0] == ["bench", "--json"]


def test_test_runs_pytest_in_the_checkout_with_the_packages_for_development(checkout: Path, tmp_path: Path) -> None:
    first = launch(checkout / "analytics", "test", "-k", "a or b", cwd=tmp_path)
    assert f"{INSTALLING}dev.txt" in first.stderr
    assert echoed(first) == [["-k", "a or b"], str(checkout / ".venv"), str(checkout)]
    again = launch(checkout / "analytics", "status")
    assert again.stderr == "", "the environment for development serves every other command too"


def test_test_without_arguments_uses_every_core(checkout: Path) -> None:
    assert "-n" in echoed(launch(checkout / "analytics", "test"))[0]


def test_a_changed_lock_file_installs_again_once(tmp_path: Path, ready: dict[str, str]) -> None:
    folder = make_checkout(tmp_path / "checkout")
    launch(folder / "analytics", env=ready)
    (folder / "requirements" / "standalone.txt").write_text("# still nothing\n")
    assert INSTALLING in launch(folder / "analytics", env=ready).stderr
    assert launch(folder / "analytics", env=ready).stderr == ""


def test_an_installation_cut_short_begins_again(tmp_path: Path, ready: dict[str, str]) -> None:
    folder = make_checkout(tmp_path / "checkout")
    launch(folder / "analytics", env=ready)
    (folder / ".venv" / "analytics.stamp").unlink()
    half = folder / ".venv" / "half-a-package"
    half.touch()
    assert INSTALLING in launch(folder / "analytics", env=ready).stderr
    assert not half.exists()


def test_a_launcher_killed_while_it_installs_leaves_nothing_in_the_way(tmp_path: Path, ready: dict[str, str]) -> None:
    """The installer that it had started may live on: it keeps the lock, so the next launcher waits for it."""
    folder = make_checkout(tmp_path / "checkout")
    with subprocess.Popen([folder / "analytics"], env=environment(), stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        assert INSTALLING in first.stderr.readline()
        first.kill()
    result = launch(folder / "analytics", "x", env=ready)
    assert INSTALLING in result.stderr
    assert echoed(result)[0] == ["x"]


def test_a_moved_checkout_makes_its_environment_again(tmp_path: Path, ready: dict[str, str]) -> None:
    folder = make_checkout(tmp_path / "before")
    launch(folder / "analytics", env=ready)
    moved = folder.rename(tmp_path / "after")
    assert echoed(launch(moved / "analytics"))[1] == str(moved / ".venv")
    assert str(moved / ".venv") in (moved / ".venv" / "bin" / "pip").read_text()


def test_of_two_started_at_once_one_installs_and_both_run(tmp_path: Path, ready: dict[str, str]) -> None:
    folder = make_checkout(tmp_path / "checkout")
    both = [
        subprocess.Popen([folder / "analytics", "x"], env=ready, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    results = [process.communicate() for process in both]
    assert [json.loads(out)[0] for out, _ in results] == [["x"], ["x"]]
    assert sum(INSTALLING.encode() in err for _, err in results) == 1


def test_a_command_that_waited_for_an_installation_does_not_keep_the_lock(
    tmp_path: Path, ready: dict[str, str]
) -> None:
    folder = make_checkout(tmp_path / "checkout")
    waits = "import json, sys\nprint(json.dumps(sys.argv[1:]), flush=True)\nsys.stdin.read()\n"
    (folder / "cli" / "__main__.py").write_text(waits)
    command, pipe = [str(folder / "analytics"), "serve"], subprocess.PIPE
    both = [subprocess.Popen(command, stdin=pipe, stdout=pipe, env=ready) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == b'["serve"]\n'
    with (folder / ".venv.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises while somebody holds it
    for process in both:
        process.communicate()


def tools_without_python(folder: Path) -> Path:
    """A folder for PATH with what a POSIX machine always has."""
    folder.mkdir()
    for name in ("sh", "cat", "cksum", "dirname", "mv", "readlink", "rm"):
        path = shutil.which(name)
        assert path is not None
        (folder / name).symlink_to(path)
    return folder


def test_without_python_one_line_says_what_to_install(tmp_path: Path) -> None:
    folder = make_checkout(tmp_path / "checkout")
    result = launch(folder / "analytics", env={"PATH": str(tools_without_python(tmp_path / "bin"))})
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "Python 3.11 or newer was not found" in result.stderr


def test_without_ensurepip_one_line_names_the_package(tmp_path: Path) -> None:
    folder = make_checkout(tmp_path / "checkout")
    (tmp_path / "ensurepip.py").write_text("raise ImportError")
    result = launch(folder / "analytics", env=environment(PYTHONPATH=str(tmp_path)))
    assert result.returncode == 1
    assert "python3-venv" in result.stderr.splitlines()[-1]


def test_where_uv_fails_pip_installs(tmp_path: Path, ready: dict[str, str]) -> None:
    folder = make_checkout(tmp_path / "checkout")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").write_text("#!/bin/sh\nexit 2\n")
    (tmp_path / "bin" / "uv").chmod(0o755)
    env = ready | {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{ready['PATH']}"}
    assert echoed(launch(folder / "analytics", "x", env=env))[0] == ["x"]


@pytest.mark.skipif(shutil.which("uv") is None, reason="no uv on PATH")
def test_where_uv_is_present_it_installs_and_pip_takes_over_when_it_is_gone(tmp_path: Path) -> None:
    folder = make_checkout(tmp_path / "checkout")
    with_uv = environment()
    with_uv["PATH"] = f"{Path(shutil.which('uv') or '').parent}{os.pathsep}{with_uv['PATH']}"
    assert echoed(launch(folder / "analytics", "x", env=with_uv))[0] == ["x"]
    assert "uv = " in (folder / ".venv" / "pyvenv.cfg").read_text()
    (folder / "requirements" / "standalone.txt").write_text("# still nothing\n")
    assert echoed(launch(folder / "analytics", "x"))[0] == ["x"]
