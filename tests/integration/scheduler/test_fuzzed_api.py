"""The scheduler's HTTP API, fuzzed by its own description: no server error, and nothing that the description hides."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from scheduler.runner import Runner
from scheduler.service import Service
from scheduler.web import create_app
from scheduler.web.auth import COOKIE
from tests.integration.fuzzing import QUICK, fuzz
from tests.integration.scheduler.small import make_project, make_runner, make_settings
from tests.integration.scheduler.test_web import make_client

pytestmark = pytest.mark.integration
TOKEN = "the-token"
_cookie_characters = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=';,\\"')


class _StillService(Service):
    """Takes every request, and starts no run: what runs do is tested elsewhere."""

    def run_now(self, **_: Any) -> int:
        """Return the id of a run."""
        return 1


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("fuzzed")
    chosen = make_settings(folder, schedule="off", maintenance_schedule="off", scheduler_token=TOKEN)
    runner: Runner = make_runner(chosen, make_project(folder / "project"))
    run_id = runner.history.begin("pipeline", "command", scheduled_at=None, full_refresh=False)
    runner.history.finish(run_id, "failed", "a run to be found")
    yield create_app(_StillService(runner, chosen), chosen)
    runner.close()


HEADERS = {"Host": "127.0.0.1", "Authorization": f"Bearer {TOKEN}"}


def test_the_api_answers_as_its_description_says(app: Any) -> None:
    description = schemathesis.openapi.from_asgi("/api/openapi.json", app, headers=HEADERS)
    # Its 503 is its answer, no error.
    assert fuzz(description.exclude(path="/readyz"), HEADERS) >= 10


@pytest.fixture(scope="module")
def client(app: Any) -> TestClient:
    return TestClient(app, base_url="http://127.0.0.1:8321", follow_redirects=False)


@pytest.mark.parametrize("path", ["/login", "/run", "/pause", "/logout", "/alerts/test"])
@QUICK
@given(content=st.binary(max_size=200), cookie=st.text(_cookie_characters, max_size=50))
def test_a_form_of_any_content_is_no_server_error(client: TestClient, path: str, content: bytes, cookie: str) -> None:
    """The pages are not in the description: their forms are fuzzed as they come."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"{COOKIE}={cookie}"}
    assert client.post(path, content=b"token=" + content, headers=headers).status_code < 500


@pytest.mark.parametrize("path", ["/runs/99999999999999999999", "/runs/x", f"/report/{'9' * 5000}.x/"])
def test_an_address_with_any_number_is_no_server_error(client: TestClient, path: str) -> None:
    assert client.get(path).status_code < 500


def test_a_cookie_of_a_number_that_is_too_long_is_no_login(client: TestClient) -> None:
    answer = client.post("/pause", headers={"Cookie": f"{COOKIE}={'9' * 5000}.x"})
    assert answer.status_code == 401


def test_wrong_tokens_are_counted_wherever_they_are_shown(tmp_path: Path) -> None:
    client, runner = make_client(tmp_path, scheduler_token=TOKEN)
    with client:
        codes = [client.post("/api/pause", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(11)]
        assert codes == [401] * 10 + [429]
        assert client.post("/login", data={"token": TOKEN}).status_code == 429
    runner.close()
