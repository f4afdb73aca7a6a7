"""`./analytics bundle` and `./analytics unbundle`: the appliance for a host that reaches no network.

A bundle is one tar file: `images.tar`, every image by its name, and `checkout/`, the files of this release. Neither
.env nor data nor a secret is in it.
"""

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from cli.appliance.compose import ApplianceError, Compose, docker

IMAGES, CHECKOUT = "images.tar", "checkout"


def images(compose: Compose, *, tls: bool = False) -> list[str]:
    """Return every image that the appliance runs, the smoke test's among them; with `tls` also Caddy's."""
    return sorted({service["image"] for service in compose.config(*_profiles(tls))["services"].values()})


def _profiles(tls: bool) -> list[str]:
    return ["test", "tls"] if tls else ["test"]


def release_files(root: Path) -> list[str]:
    """Return the files of the release: those that git tracks, so without .env and data."""
    command = ["git", "-C", str(root), "ls-files", "-z"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise ApplianceError(f"{root}: expected a git checkout, which says which files belong to the release")
    return [name for name in answer.stdout.split("\0") if name and (root / name).is_file()]


def bundle(compose: Compose, archive: Path, *, tls: bool = False) -> list[str]:
    """Pull or build every missing image, then write the archive; return the images' names."""
    asked = [word for profile in _profiles(tls) for word in ("--profile", profile)]
    for name, service in compose.config(*_profiles(tls))["services"].items():
        if not _is_here(service["image"]):
            compose.run(*asked, "build" if "build" in service else "pull", "--quiet", name)
    names = images(compose, tls=tls)
    _write(compose, archive, names)
    return names


def _is_here(image: str) -> bool:
    try:
        return bool(docker("image", "inspect", "--format", "{{.Id}}", image))
    except ApplianceError:
        return False


def _write(compose: Compose, archive: Path, names: list[str]) -> None:
    partial = archive.with_name(archive.name + ".part")
    with tempfile.TemporaryDirectory(dir=archive.absolute().parent) as folder:
        saved = Path(folder) / IMAGES
        docker("save", "--output", str(saved), *map(_by_tag, names))
        with tarfile.open(partial, "w") as tar:  # layers hardly compress, and an open tar loads while it is read
            tar.add(saved, IMAGES)
            for name in release_files(compose.root):
                tar.add(compose.root / name, f"{CHECKOUT}/{name}")
    partial.replace(archive)


def _by_tag(image: str) -> str:
    """Return the image's name without its digest, which does not survive `docker save`."""
    plain, _, digest = image.partition("@")
    if digest:
        docker("tag", image, plain)
    return plain


def unbundle(archive: Path, folder: Path) -> list[str]:
    """Load the images and unpack the files; return the images' names as Docker prints them."""
    if not tarfile.is_tarfile(archive):
        raise ApplianceError(f"{archive}: expected an archive that `bundle` wrote")
    with tarfile.open(archive) as tar, tempfile.TemporaryDirectory(dir=archive.absolute().parent) as scratch:
        if IMAGES not in tar.getnames():
            raise ApplianceError(f"{archive}: expected {IMAGES} in it; `bundle` did not write this file")
        tar.extractall(scratch, filter="data")
        loaded = docker("load", "--quiet", "--input", str(Path(scratch) / IMAGES))
        shutil.copytree(Path(scratch) / CHECKOUT, folder, dirs_exist_ok=True)
    return [line.partition(": ")[2] for line in loaded.splitlines() if ": " in line]
