"""The appliance on a real engine: the user's own compose.yaml, from nothing to figures, killed at every joint."""

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from standalone.bundle import bundle, images, unbundle
from standalone.compose import ApplianceError, Compose, docker
from standalone.smoke import smoke


@pytest.fixture(scope="module", autouse=True)
def _images() -> None:
    """compose.yaml names images; where they cannot be pulled, tests/images/prepare has built them beforehand."""
    third_party = [name for name in images(Compose()) if not name.startswith("claude-analytics/")]
    if not_here := [name for name in third_party if not docker("image", "ls", "--quiet", name)]:
        pytest.skip(f"no image {', '.join(not_here)} on this machine: run tests/images/prepare, or docker compose pull")


def test_the_appliance_comes_up_counts_right_and_survives_the_loss_of_every_container() -> None:
    """`./analytics smoke`. What it looks at in between is in standalone/smoke.py and tests/smoke."""
    report = smoke(print)
    assert report["first"]["found"]["runs"] >= 1
    assert report["second"]["found"]["tool_calls"] > report["first"]["found"]["tool_calls"]
    assert report["after"]["found"]["tool_calls"] > report["second"]["found"]["tool_calls"]
    assert set(report["kills"]) == {
        *("mongo", "collector", "iceberg", "loader", "scheduler", "metabase-db", "metabase"),
    }


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Compose]:
    """A release of one small service, with a file that belongs to it and one that does not."""
    image = f"claude-analytics-test/{secrets.token_hex(4)}:1"
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY compose.yaml /\n")
    (folder / "compose.yaml").write_text(f"services:\n  only:\n    image: {image}\n    build: .\n")
    (folder / ".env").write_text("PRIVATE=1\n")
    for command in (["init", "--quiet"], ["add", "Dockerfile", "compose.yaml"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    yield Compose(root=folder, project="bundle-test")
    subprocess.run(["docker", "image", "rm", image], check=False, capture_output=True)


def test_a_bundle_brings_images_and_files_to_a_host_without_a_network(checkout: Compose, tmp_path: Path) -> None:
    archive = tmp_path / "release.tar"
    names = bundle(checkout, archive)
    docker("image", "rm", *names)
    assert unbundle(archive, tmp_path / "elsewhere") == names
    assert [docker("image", "inspect", "--format", "{{index .RepoTags 0}}", name).strip() for name in names] == names
    files = sorted(path.name for path in (tmp_path / "elsewhere").iterdir())
    assert files == ["Dockerfile", "compose.yaml"], "what git does not know stays at home"


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.tar").write_text("hello")
    with pytest.raises(ApplianceError, match=r"expected an archive that `bundle` wrote$"):
        unbundle(tmp_path / "letter.tar", tmp_path / "elsewhere")
