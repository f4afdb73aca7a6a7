"""This machine's identity at the receiver, in one private file that enrolment writes."""

import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from collector.invitation import Invitation
from collector.sender.client import Client
from common.errors import UsageError
from common.private_files import replace_file
from common.settings import Settings


class Machine(BaseModel):
    """The result of an enrolment."""

    model_config = ConfigDict(frozen=True)

    url: str
    certificate: str | None
    token: str
    name: str = ""
    """Empty until the receiver has answered."""
    person: str | None = None
    fingerprint_key: str | None = None

    def client(self, url: str | None = None) -> Client:
        """Return a client for the receiver, at RECEIVER_URL if it has moved."""
        return Client(url or self.url, self.certificate, self.token)


def folder_of(settings: Settings) -> Path:
    """Return the folder of this machine's spool and identity."""
    return settings.data_dir / "sender"


def enrol(settings: Settings, token: str) -> Machine:
    """Enrol this machine with an invitation. It can be killed and run again: the receiver gives the same answer.

    Raises UsageError for an invalid invitation, RefusedError for one that was used or has expired.
    """
    invitation = Invitation.of(token)
    path = folder_of(settings) / "machine.json"
    asking = path.with_name("enrolling.json")
    machine = _unanswered(asking, invitation) or Machine(
        url=invitation.url, certificate=invitation.certificate, token=secrets.token_urlsafe(32)
    )
    replace_file(asking, machine.model_dump_json().encode())  # before it is sent: the answer may be lost
    answer = Client(machine.url, machine.certificate).enrol(invitation.secret, machine.token)
    machine = Machine.model_validate({**machine.model_dump(), **answer})
    replace_file(path, machine.model_dump_json().encode())
    asking.unlink(missing_ok=True)
    return machine


def enrolled(settings: Settings) -> Machine:
    """Return this machine's identity. Raises UsageError if it is not enrolled."""
    path = folder_of(settings) / "machine.json"
    machine = _read(path)
    if machine is None or not machine.name:
        raise UsageError(f"{path}: expected the file that enrolment writes, found none; enrol this machine first")
    return machine


def _unanswered(path: Path, invitation: Invitation) -> Machine | None:
    """Return the result of an interrupted enrolment at the same receiver, if any."""
    machine = _read(path)
    return machine if machine and machine.url == invitation.url else None


def _read(path: Path) -> Machine | None:
    try:
        return Machine.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        raise UsageError(
            f"{path}: expected the file that enrolment writes, found other content; delete it and enrol again"
        ) from None
