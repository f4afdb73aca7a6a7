"""Bills of materials name what the lock files install, what a distribution installed, and what others made."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.unit.test_repository import ROOT

DEBIAN = """\
ID=debian
VERSION_ID="13"

Package: libstdc++6
Status: install ok installed
Architecture: amd64
Version: 14.2.0-19
Description: a line
 Version: of no package

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: login
Status: install ok installed
Architecture: amd64
Version: 1:4.16.0-2+really2.41-5
"""
ALPINE = """\
ID=alpine
VERSION_ID=3.22.1

P:musl
V:1.2.5-r10
A:x86_64
p:so:libc.musl-x86_64.so.1=1

P:busybox
V:1.37.0-r18
A:x86_64
"""
ENGINE = """\
#!/bin/sh
# An engine with one image.
case "$*" in
    "image inspect claude-analytics/smoke:0.1.0") ;;
    "run --rm --network none --entrypoint sh claude-analytics/smoke:0.1.0 -c cat /etc/os-release"*) cat "$CONTENT" ;;
    *) exit 1 ;;
esac
"""


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of bills, made beside an engine that has the smoke test's image alone."""
    base = tmp_path_factory.mktemp("sbom")
    engine, content, folder = base / "bin" / "docker", base / "content", base / "bills"
    engine.parent.mkdir()
    engine.write_text(ENGINE, encoding="utf-8")
    engine.chmod(0o755)
    content.write_text(DEBIAN, encoding="utf-8")
    environment = os.environ | {"PATH": f"{engine.parent}:{os.environ['PATH']}", "CONTENT": str(content)}
    made = subprocess.run(
        [str(ROOT / "services/make-sbom"), str(folder), "smoke"],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert "mongo.system.cdx.json was not written: no Docker engine here has mongo:" in made.stderr
    assert "smoke" not in made.stderr
    return folder


def _bill(path: Path) -> dict[str, Any]:
    content = path.read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(content) is None
    bill: dict[str, Any] = json.loads(content)
    return bill


def test_a_bill_of_materials_names_every_locked_package_with_its_hashes(bills: Path) -> None:
    bill = _bill(bills / "smoke.cdx.json")
    named = {(part["name"], part["version"]) for part in bill["components"]}
    lock = (ROOT / "requirements/smoke.txt").read_text(encoding="utf-8")
    assert named == set(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    hashes = {
        found["content"]
        for part in bill["components"]
        for reference in part["externalReferences"]
        for found in reference.get("hashes", [])
    }
    assert hashes == set(re.findall(r"sha256:(\w+)", lock))


def test_it_names_what_dpkg_has_installed(bills: Path) -> None:
    bill = _bill(bills / "smoke.system.cdx.json")
    assert bill["metadata"]["component"]["name"] == "claude-analytics/smoke:0.1.0"
    assert [(part["name"], part["version"], part["purl"]) for part in bill["components"]] == [
        ("libstdc++6", "14.2.0-19", "pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64&distro=debian-13"),
        (
            "login",
            "1:4.16.0-2+really2.41-5",
            "pkg:deb/debian/login@1%3A4.16.0-2%2Breally2.41-5?arch=amd64&distro=debian-13",
        ),
    ]


def test_it_names_what_apk_has_installed(tmp_path: Path) -> None:
    command = ["awk", "-v", "image=x", "-f", str(ROOT / "services/sbom/packages.awk")]
    made = subprocess.run(command, check=True, capture_output=True, text=True, input=ALPINE)
    (tmp_path / "bill").write_text(made.stdout, encoding="utf-8")
    assert [part["purl"] for part in _bill(tmp_path / "bill")["components"]] == [
        "pkg:apk/alpine/musl@1.2.5-r10?arch=x86_64&distro=alpine-3.22.1",
        "pkg:apk/alpine/busybox@1.37.0-r18?arch=x86_64&distro=alpine-3.22.1",
    ]


def test_it_names_the_images_and_programs_of_others(bills: Path) -> None:
    parts = {part["name"]: part for part in _bill(bills / "others.cdx.json")["components"]}
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    images = dict(re.findall(r"_IMAGE:-([^}:]+):([^}]+)}", compose))
    assert {name: part["version"] for name, part in parts.items() if part["type"] == "container"} == images
    dockerfile = (ROOT / "metabase/Dockerfile").read_text(encoding="utf-8")
    hashes = {part["hashes"][0]["content"] for part in parts.values() if part["type"] == "application"}
    assert hashes == set(re.findall(r"_SHA256=(\w+)", dockerfile))
    assert parts["metabase"]["version"] in dockerfile
