"""The bill of materials of an image names what its lock file installs, with the hashes."""

import json
import re
import subprocess
from pathlib import Path

from tests.unit.test_repository import ROOT


def test_a_bill_of_materials_names_every_locked_package_with_its_hashes(tmp_path: Path) -> None:
    subprocess.run([str(ROOT / "services/make-sbom"), str(tmp_path), "smoke"], check=True, capture_output=True)
    bill = json.loads((tmp_path / "smoke.cdx.json").read_text(encoding="utf-8"))
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
