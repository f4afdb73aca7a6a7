"""The appliance on a real engine: the user's own compose.yaml, from nothing to figures, killed at every joint."""

import json
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.appliance.bundle import bundle, unbundle
from cli.appliance.compose import ApplianceError, Compose, docker
from cli.appliance.smoke import smoke
from tests.engine import engine as engine  # noqa: PLC0414 - a fixture
from tests.integration.collecting import wait_until
from tests.integration.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]


pytestmark = pytest.mark.usefixtures("engine")


def test_the_appliance_comes_up_counts_right_and_survives_the_loss_of_every_container() -> None:
    """`./analytics smoke`. What it looks at in between is in cli/appliance/smoke.py and tests/smoke."""
    report = smoke(print)
    assert report["first"]["found"]["runs"] >= 1
    assert report["second"]["found"]["tool_calls"] > report["first"]["found"]["tool_calls"]
    assert report["after"]["found"]["tool_calls"] > report["second"]["found"]["tool_calls"]
    assert set(report["kills"]) == {
        *("mongo", "collector", "iceberg", "loader", "scheduler", "vault", "metabase-db", "metabase"),
    }


def released(folder: Path, image: str) -> Path:
    """A folder with one small service and what its image is built from."""
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY compose.yaml /\n")
    tls = f"  caddy:\n    image: {image}-tls\n    build: .\n    profiles: [tls]\n"
    (folder / "compose.yaml").write_text(f"services:\n  only:\n    image: {image}\n    build: .\n{tls}")
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Compose]:
    """A release of one small service, with a file that belongs to it and one that does not."""
    image = f"claude-analytics-test/{secrets.token_hex(4)}:1"
    folder = released(tmp_path / "release", image)
    (folder / ".env").write_text("PRIVATE=1\n")
    for command in (["init", "--quiet"], ["add", "Dockerfile", "compose.yaml"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    yield Compose(root=folder, project="bundle-test")
    subprocess.run(["docker", "image", "rm", image, f"{image}-tls"], check=False, capture_output=True)


@pytest.mark.parametrize("tls", [False, True])
def test_a_bundle_brings_images_and_files_to_a_host_without_a_network(
    checkout: Compose, tmp_path: Path, tls: bool
) -> None:
    archive = tmp_path / "release.tar"
    names = bundle(checkout, archive, tls=tls)
    assert [name.endswith("-tls") for name in names] == [False, True][: tls + 1]
    docker("image", "rm", *names)
    assert unbundle(archive, tmp_path / "elsewhere") == names
    for name in names:  # both may be names of one image
        assert name in docker("image", "inspect", "--format", '{{join .RepoTags " "}}', name).split()
    files = sorted(path.name for path in (tmp_path / "elsewhere").iterdir())
    assert files == ["Dockerfile", "compose.yaml"], "what git does not know stays at home"


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.tar").write_text("hello")
    with pytest.raises(ApplianceError, match=r"expected an archive that `bundle` wrote$"):
        unbundle(tmp_path / "letter.tar", tmp_path / "elsewhere")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A registry of our own, on loopback."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("no docker-registry on this machine (Debian's package of that name)")
    address = f"127.0.0.1:{free_port()}"
    storage = {"filesystem": {"rootdirectory": str(tmp_path / "registry")}}
    (tmp_path / "registry.yml").write_text(json.dumps({"version": 0.1, "storage": storage, "http": {"addr": address}}))
    with (tmp_path / "registry.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(tmp_path / "registry.yml")], stdout=log, stderr=log)
    try:
        wait_until(lambda: listens(address))
        yield address
    finally:
        process.terminate()
        process.wait(120)


def listens(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_an_image_is_pinned_by_the_digest_under_which_its_registry_gives_it_out(tmp_path: Path, registry: str) -> None:
    image = f"{registry}/catalog:4.48"
    docker("build", "--quiet", "--tag", image, str(released(tmp_path / "catalog", "catalog")))
    pushed = docker("push", image)
    (tmp_path / "services").mkdir()
    shutil.copy(ROOT / "services" / "pin-images", tmp_path / "services")
    (tmp_path / "compose.yaml").write_text(f"services:\n  iceberg:\n    image: ${{ICEBERG_IMAGE:-{image}}}\n")
    try:
        said = subprocess.run([tmp_path / "services" / "pin-images"], capture_output=True, text=True, check=True).stdout
    finally:
        docker("image", "rm", image)
    name, _, pinned = said.strip().partition("=")
    assert (name, pinned.partition("@")[0]) == ("ICEBERG_IMAGE", image)
    assert f"digest: {pinned.partition('@')[2]} " in pushed
    docker("pull", "--quiet", pinned)
    docker("image", "rm", pinned)
