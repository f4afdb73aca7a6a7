"""The token of an invitation says where to go, and is refused where it is none, without being repeated."""

import pytest

from collector.invitation import Invitation, checked_url
from common.errors import UsageError


def test_a_token_comes_back_as_it_was_written() -> None:
    invitation = Invitation(url="https://host.example:8324", certificate="ab" * 32, secret="s" * 20)
    assert Invitation.of(f" {invitation.token()}\n") == invitation


@pytest.mark.parametrize("token", ["", "enrol-", "enrol-x", "é", "enrol-e30", "x" * 10_000])
def test_another_text_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(UsageError, match="expected the token that `machines invite` printed") as caught:
        Invitation.of(token)
    assert len(token) < 3 or token not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "host", "http://host", "https://", "https://host:x", "https://u:p@host", "ftp://h"]
)
def test_an_address_that_is_none_of_a_receiver_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="expected the receiver's address, https://HOST:PORT"):
        checked_url(url)
    with pytest.raises(UsageError):
        Invitation.of(Invitation(url=url, certificate=None, secret="s").token())
