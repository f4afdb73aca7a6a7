"""Who this machine is to the receiver: kept in one private file, written when it is enrolled."""

import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from collector.invitation import Invitation
from collector.sender.client import Client
from common.errors import UsageError
from common.private_files import replace_file
from common.settings import Settings


class Machine(BaseModel):
    """What enrolment left."""

    model_config = ConfigDict(frozen=True)

    url: str
    certificate: str | None
    token: str
    name: str = ""
    """Empty until the receiver has answered."""
    person: str | None = None
    fingerprint_key: str | None = None

    def client(self, url: str | None = None) -> Client:
        """Return the receiver, at another address if it has moved."""
        return Client(url or self.url, self.certificate, self.token)


def folder_of(settings: Settings) -> Path:
    """Return where this machine keeps its spool and who it is."""
    return settings.data_dir / "sender"


def enrol(settings: Settings, token: str) -> Machine:
    """Enrol this machine with an invitation. It may be killed and run again: the receiver answers alike.

    Raises UsageError for what is no invitation, RefusedError for one that was used or has expired.
    """
    invitation = Invitation.of(token)
    path = folder_of(settings) / "machine.json"
    asking = path.with_name("enrolling.json")
    machine = _unanswered(asking, invitation) or Machine(
        url=invitation.url, certificate=invitation.certificate, token=secrets.token_urlsafe(32)
    )
    replace_file(asking, machine.model_dump_json().encode())  # before it is sent: an answer may be lost
    answer = Client(machine.url, machine.certificate).enrol(invitation.secret, machine.token)
    machine = Machine.model_validate({**machine.model_dump(), **answer})
    replace_file(path, machine.model_dump_json().encode())
    asking.unlink(missing_ok=True)
    return machine


def enrolled(settings: Settings) -> Machine:
    """Return who this machine is. Raises UsageError where it was not enrolled."""
    path = folder_of(settings) / "machine.json"
    machine = _read(path)
    if machine is None or not machine.name:
        raise UsageError(f"{path}: expected the file that enrolment writes, found none; enrol this machine first")
    return machine


def _unanswered(path: Path, invitation: Invitation) -> Machine | None:
    """Return what an enrolment that was cut short at the same receiver had made."""
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
