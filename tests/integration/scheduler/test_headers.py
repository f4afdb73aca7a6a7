"""What a browser is told of every answer: whose scripts run, and who may look in."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.integration.scheduler.test_web import make_client

pytestmark = pytest.mark.integration
TEMPLATES = Path(__file__).resolve().parents[3] / "scheduler/web/templates"
EXPECTED = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    return make_client(tmp_path_factory.mktemp("headers"), scheduler_token="the-token")[0]


@pytest.mark.parametrize(
    "path", ["/", "/login", "/runs/7", "/nowhere", "/api/status", "/api/runs/7", "/metrics", "/healthz", "/design.css"]
)
def test_every_answer_says_whose_scripts_run_and_who_may_look_in(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert {name: headers.get(name) for name in EXPECTED} == EXPECTED


def test_no_page_has_a_script_or_a_style_of_its_own_inside() -> None:
    """The policy would not run them."""
    for template in TEMPLATES.glob("*.html"):
        text = template.read_text(encoding="utf-8")
        assert "<style" not in text, template
        assert " style=" not in text, template
        assert re.findall(r"<script(?![^>]* src=)", text) == [], template
