"""The repository checks itself: which room imports which, what is documented, locked and left out."""

import ast
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from common import VERSION

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# From top to bottom: a room may import what is named beside it, and nothing above itself.
MAY_IMPORT: dict[str, set[str]] = {
    "common": set(),
    "records": {"common"},
    "sample": {"common"},
    "verify": {"common"},
    "collector": {"records", "common"},
    "loader": {"records", "common"},
    "vault": {"collector", "loader", "records", "common"},
    "scheduler": {"common"},
    "spark": {"loader", "common"},
    "dashboards": {"common"},
    "report": {"dashboards", "common"},
    "metabase": {"dashboards", "common"},
}
_CHAIN = set(MAY_IMPORT)
MAY_IMPORT["standalone"] = _CHAIN
MAY_IMPORT["bench"] = _CHAIN | {"standalone"}
MAY_IMPORT["cli"] = _CHAIN | {"standalone", "bench"}
MAY_IMPORT["tests"] = _CHAIN | {"standalone", "bench", "cli"}
ROOMS = set(MAY_IMPORT)

LONGEST = {".py": 300, ".sql": 80}
LONGER: dict[str, str] = {
    "dbt/macros/usage_cost.sql": "eight small macros that belong together: each is a factor of a cost",
    "dbt/models/intermediate/int_messages_enriched.sql": "the turn types are one case, read from top to bottom",
    "dbt/models/intermediate/int_tool_usage.sql": "pairing and outcome need each other: split, each half says little",
    "dbt/macros/insights/dear_model.sql": "a rule is one statement, which readers run: prices, thinking, calls",
    "dbt/macros/insights/repeated_reads.sql": "a rule is one statement, which readers run: reads, changes, compactions",
    "dbt/models/marts/agg_cost_changes.sql": "from days to parts of a difference in seven steps",
    "dbt/models/marts/agg_drift_metrics.sql": "responses, turns, stops and calls meet, each counted first",
    "dbt/models/marts/agg_daily_summary.sql": "six facts meet on a day, each summed on its own first",
    "dbt/models/marts/agg_data_quality.sql": "the list of metrics with their explanations is its content",
    "dbt/models/marts/agg_session_metrics.sql": "six facts meet in a row per session, each summed on its own first",
    "dbt/models/marts/agg_usage_quality.sql": "the list of metrics with their explanations is its content",
    "dbt/models/marts/dim_agents.sql": "an agent is known from its call, its lines and its report: three sources",
    "dbt/models/marts/fct_api_requests.sql": "a response's tokens, price and flags: as wide as the question is",
    "dbt/models/intermediate/int_session_projects.sql": "where the work was has five sources, each a step",
    "dbt/models/marts/dim_projects.sql": "the name that no other project has is found in four steps",
    "dbt/models/marts/agg_team_usage.sql": "which values share a row is found in five steps, each a small one",
    "dbt/models/marts/fct_commits.sql": "commits are told of in three ways, each a part",
    "dbt/models/marts/fct_session_events.sql": "events come from system lines, messages and summaries, each a part",
    "dbt/models/intermediate/int_answer_labels.sql": "requests and finished usage are told apart one within the other",
    "dbt/models/intermediate/int_equal_lines.sql": "equal lines need their conversations, and these the equal answers",
    "dbt/models/intermediate/int_tool_pairs.sql": "calls, results and ids that repeat are paired in one place",
    "dbt/models/staging/stg_conversations.sql": "names every column of raw.conversations once, a line each",
    "tests/browser/test_report.py": "one report in one browser, asked everything that a reader would try",
    "tests/unit/test_verify.py": "one check per rule of the second count, with the lines that show it",
}
"""Files over the limit, each with its reason. An entry that is no longer needed fails, too."""

# Each has a blank that is taken out below, so that this file does not hold what it looks for.
REGISTRIES = [
    name.replace(" ", "")
    for name in ("pypi .org", "python hosted.org", "registry .npmjs", "deb .debian.org", "proxy .golang.org")
]
MACHINE_PATHS = re.compile("/ work/(main|shared|tmp)|/ tmp/corpus|/ opt/(wheels|pypi)|/ .pyenv/".replace(" ", ""))
LEFTOVERS = re.compile(r"(?:#|--|//|/\*) [^\n]*\b(?:TO~DO|FIX~ME|XX~X)\b".replace("~", ""))
"""In comments only: the sample's people write of such things, too."""


@cache
def tracked() -> tuple[Path, ...]:
    """Every file in git, relative to the root."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    try:
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    if answer.returncode:
        pytest.skip("not a git checkout")
    return tuple(Path(name) for name in answer.stdout.split("\0") if name and (ROOT / name).is_file())


def text_of(file: Path) -> str:
    """A file's text; a picture has none."""
    try:
        return (ROOT / file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def python_files() -> list[Path]:
    return [file for file in tracked() if file.suffix == ".py"]


def imported_roots(source: str) -> set[str]:
    """The first part of every absolute import, wherever in the file it stands."""
    roots = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            roots.add(node.module.partition(".")[0])
    return roots


def test_imports_between_rooms_run_one_way() -> None:
    wrong = [
        f"{file}: imports {other}"
        for file in python_files()
        if (room := file.parts[0]) in ROOMS
        for other in imported_roots(text_of(file)) & ROOMS - {room} - MAY_IMPORT[room]
    ]
    assert wrong == []


def test_an_import_inside_a_function_counts_too() -> None:
    assert imported_roots("def f():\n    from loader.load import x\n    import scheduler.lock as y") == {
        "loader",
        "scheduler",
    }


def test_python_lives_in_rooms_only() -> None:
    """`dbt/` must never be importable: it would hide the dbt that is installed. `services/` holds no Python."""
    assert [str(file) for file in python_files() if file.parts[0] not in ROOMS] == []


def test_every_python_file_opens_by_saying_what_it_is() -> None:
    silent = [str(file) for file in python_files() if not ast.get_docstring(ast.parse(text_of(file)))]
    assert silent == []


def lines_of(file: Path) -> int:
    """A file's lines; of SQL only those that say something to the database, since our layout is airy."""
    lines = text_of(file).splitlines()
    return (
        len(lines) if file.suffix != ".sql" else sum(bool(line.strip()) and line.strip()[:2] != "--" for line in lines)
    )


def test_no_file_is_longer_than_one_reads_at_a_sitting() -> None:
    lengths = {str(file): lines_of(file) for file in tracked() if file.suffix in LONGEST}
    too_long = {name: length for name, length in lengths.items() if length > LONGEST[Path(name).suffix]}
    assert {name: length for name, length in too_long.items() if name not in LONGER} == {}
    assert LONGER.keys() - too_long.keys() == set(), "no longer too long: take it off the list"


def test_nothing_names_a_package_registry_or_a_path_of_one_machine() -> None:
    wrong = []
    for file in tracked():
        text = text_of(file)
        wrong += [f"{file}: {host}" for host in REGISTRIES if host in text]
        wrong += [f"{file}: {found[0]}" for found in MACHINE_PATHS.finditer(text)]
    assert wrong == []


def test_nothing_is_left_for_later() -> None:
    wrong = [f"{file}: {found[0]}" for file in tracked() for found in LEFTOVERS.finditer(text_of(file))]
    assert wrong == []


def test_a_link_in_the_docs_leads_somewhere() -> None:
    links = [
        (file, target)
        for file in tracked()
        if file.suffix == ".md"
        for target in re.findall(r'(?:\]\(|src="|srcset=")([^)#\s"]+)', text_of(file))
        if "://" not in target and not target.startswith("mailto:")
    ]
    assert [f"{file}: {target}" for file, target in links if not (ROOT / file.parent / target).exists()] == []


def commands() -> set[str]:
    """What `./analytics --help` lists, and `test`, which the launcher runs by itself."""
    typer = pytest.importorskip("typer")
    from cli.main import app  # noqa: PLC0415 - it loads every room: only this check needs it

    group = typer.main.get_command(app)
    return {name for name, command in group.commands.items() if not command.hidden} | {"test"}


def test_every_command_is_in_the_readme_and_every_command_there_exists() -> None:
    readme = text_of(Path("README.md"))
    assert {name for name in commands() if f"`{name}" not in readme and f"./analytics {name}" not in readme} == set()
    assert set(re.findall(r"\./analytics ([a-z][a-z-]*)", readme)) - commands() == set()


def locked(name: str) -> dict[str, list[Requirement]]:
    """The pins of one lock file by package; a package may be pinned once per marker."""
    pins: dict[str, list[Requirement]] = {}
    for line in text_of(Path("requirements", f"{name}.txt")).splitlines():
        if line and not line.startswith((" ", "#")):
            pin = Requirement(line.removesuffix("\\").strip())
            pins.setdefault(canonicalize_name(pin.name), []).append(pin)
    return pins


def version_of(pin: Requirement) -> str:
    (exact,) = pin.specifier
    assert exact.operator == "==", pin
    return exact.version


DEPENDENCIES: list[str] = PYPROJECT["project"]["dependencies"]
GROUPS: dict[str, list[str]] = PYPROJECT["dependency-groups"]
ASKED_FOR = {"standalone": DEPENDENCIES} | GROUPS | {"dev": DEPENDENCIES + GROUPS["dev"]}


def test_every_dependency_group_has_its_lock_file_and_no_other_exists() -> None:
    files = {file.stem for file in tracked() if file.parts[0] == "requirements"}
    assert files == set(ASKED_FOR)


@pytest.mark.parametrize(("name", "wanted"), ASKED_FOR.items())
def test_the_lock_file_satisfies_what_the_project_asks_for(name: str, wanted: list[str]) -> None:
    pins = locked(name)
    for requirement in map(Requirement, wanted):
        found = pins.get(canonicalize_name(requirement.name), [])
        assert found, f"{requirement} is not in requirements/{name}.txt: compile it again (docs/development.md)"
        assert all(version_of(pin) in requirement.specifier for pin in found), requirement


def test_the_lock_file_for_development_holds_the_other_one_whole() -> None:
    """So that `./analytics test` tests what a user runs, and one environment serves both."""
    dev = {package: [str(pin) for pin in pins] for package, pins in locked("dev").items()}
    assert {
        package: [str(pin) for pin in pins]
        for package, pins in locked("standalone").items()
        if [str(pin) for pin in pins] != dev.get(package)
    } == {}


@pytest.mark.parametrize("name", ASKED_FOR)
def test_every_pin_has_hashes_and_no_index_is_named(name: str) -> None:
    """Any mirror, or a folder of wheels on a host without a network, can serve the same files."""
    text = text_of(Path("requirements", f"{name}.txt"))
    entries = re.split(r"\n(?=\S)", "\n".join(line for line in text.splitlines() if not line.startswith("#")).strip())
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text
    assert "\n--" not in text


def test_the_licence_is_the_one_that_the_project_names() -> None:
    assert PYPROJECT["project"]["license"] == "Apache-2.0"
    assert re.search(r"Apache License\s+Version 2\.0", text_of(Path("LICENSE")))


def test_the_changelog_has_a_section_for_this_version() -> None:
    assert f"## {PYPROJECT['project']['version']}" in text_of(Path("CHANGELOG.md"))


def test_the_version_is_the_same_everywhere() -> None:
    """In the code, the project file and the names of the images."""
    project = PYPROJECT["project"]
    images = set(re.findall(r"VERSION:-([^}]+)}", (ROOT / "compose.yaml").read_text(encoding="utf-8")))
    assert project["version"] == VERSION
    assert images == {VERSION}
