"""What the appliance's images hold: every module that their entry imports, and every package that those import."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

from tests.unit.test_repository import DEPENDENCIES, GROUPS, MAY_IMPORT, PYPROJECT, ROOT, python_files, text_of

DOCKERFILE = text_of(Path("services/Dockerfile"))
ENTRIES = {
    "collector": "collector.__main__",
    "loader": "loader.__main__",
    "scheduler": "cli.appliance.scheduler_service",
    "smoke": "tests.smoke.__main__",
    "vault": "vault.__main__",
}
PROGRAMS = [
    *ENTRIES.items(),
    ("collector", "collector.receiver.__main__"),
    ("collector", "collector.sender.__main__"),
]
DISTRIBUTIONS = {
    "bson": "pymongo",
    "dbt": "dbt-core",
    "dotenv": "python-dotenv",
    "kingfisher_sdk": "kingfisher-secret-scanner",
    "vl_convert": "vl-convert-python",
    "yaml": "pyyaml",
}
"""The packages whose distribution has another name than the module."""
OPTIONAL = {"dlt", "playwright"}
"""Imported where it is installed; who lacks it is told."""
ROOMS = set(MAY_IMPORT)


def copied(image: str) -> list[PurePosixPath]:
    """The paths of the checkout that an image's stage copies into it."""
    stage = re.search(rf"^FROM base AS {image}$(.*?)(?=^FROM|\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert stage, image
    lines = [line.split()[1:-1] for line in stage[1].splitlines() if line.startswith("COPY")]
    return [PurePosixPath(name) for line in lines if "--from" not in line[0] for name in line if name[0] != "-"]


def file_of(module: str) -> Path | None:
    """A module's file in the checkout, or None if it is not our module."""
    path = Path(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if (ROOT / file).exists()), None)


def imports_of(file: Path) -> Iterator[str]:
    """Every module that a file names in an import, and the names it takes from one."""
    for node in ast.walk(ast.parse(text_of(file))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def needed(entry: str) -> tuple[frozenset[Path], frozenset[str]]:
    """Our files that an entry point needs, and the third-party packages that these import."""
    files: set[Path] = set()
    packages: set[str] = set()
    modules = [entry]
    while modules:
        module = modules.pop()
        root = module.partition(".")[0]
        if root not in ROOMS:
            packages |= {root} - sys.stdlib_module_names
            continue
        parents = module.split(".")
        for length in range(1, len(parents) + 1):
            file = file_of(".".join(parents[:length]))
            if file is not None and file not in files:
                files.add(file)
                modules.extend(imports_of(file))
    return frozenset(files), frozenset(packages - OPTIONAL)


def declared(requirements: list[str]) -> set[str]:
    return {Requirement(requirement).name for requirement in requirements}


@pytest.mark.parametrize(("image", "entry"), PROGRAMS)
def test_an_image_holds_every_module_that_it_imports(image: str, entry: str) -> None:
    there = copied(image)
    files, _ = needed(entry)
    assert sorted(str(file) for file in files if not any(file.is_relative_to(path) for path in there)) == []


@pytest.mark.parametrize("image", [*ENTRIES, "init"])
def test_what_an_image_copies_is_let_through_to_the_builder(image: str) -> None:
    ignored = text_of(Path(".dockerignore")).splitlines()
    allowed = [line[1:].rstrip("/") for line in ignored if line.startswith("!")]
    assert [str(path) for path in copied(image) if not any(path.is_relative_to(folder) for folder in allowed)] == []


@pytest.mark.parametrize(("image", "entry"), PROGRAMS)
def test_an_image_asks_for_every_package_that_it_imports(image: str, entry: str) -> None:
    """By itself: what another package happens to bring may be gone with its next version."""
    _, packages = needed(entry)
    names = {DISTRIBUTIONS.get(package, package.replace("_", "-")) for package in packages}
    assert names - declared(GROUPS[image]) == set()


@pytest.mark.parametrize(
    ("rooms", "asked_for"),
    [(ROOMS - {"tests", "spark"}, DEPENDENCIES), ({"spark"}, [*DEPENDENCIES, *GROUPS["spark"]])],
    ids=["standalone", "spark"],
)
def test_a_mode_without_images_asks_for_every_package_that_it_imports(rooms: set[str], asked_for: list[str]) -> None:
    files = [file for file in python_files() if file.parts[0] in rooms]
    packages = {name.partition(".")[0] for file in files for name in imports_of(file)} - ROOMS - OPTIONAL
    names = {DISTRIBUTIONS.get(package, package.replace("_", "-")) for package in packages - sys.stdlib_module_names}
    assert names - declared(asked_for) == set()


SENDER = tomllib.loads(text_of(Path("services/sender/pyproject.toml")))


def test_the_senders_package_asks_for_what_it_imports_as_the_project_does() -> None:
    _, packages = needed("collector.sender.__main__")
    names = {DISTRIBUTIONS.get(package, package.replace("_", "-")) for package in packages}
    asked = SENDER["project"]["dependencies"]
    assert names - declared(asked) == set()
    assert set(asked) <= set(PYPROJECT["project"]["dependencies"])
    assert SENDER["project"]["version"] == PYPROJECT["project"]["version"]


def test_the_senders_package_holds_every_module_that_it_imports() -> None:
    files, _ = needed("collector.sender.__main__")
    assert {".".join(file.parent.parts) for file in files} <= set(SENDER["tool"]["setuptools"]["packages"])
