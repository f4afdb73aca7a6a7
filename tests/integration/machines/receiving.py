"""A receiver as a process on loopback, and machines that send to it."""

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collector.receiver.commands import invite
from common.settings import Settings, load_settings
from records import RecordStore, open_store
from tests.integration.collecting import ROOT, wait_until
from tests.integration.conftest import free_port

KEY = "a key for tests"


def run(program: str | list[str], data: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run one of our programs to its end."""
    command = [*([sys.executable, "-m", program] if isinstance(program, str) else program), *arguments]
    environment = environment_of(data, **variables)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)


def environment_of(data: Path, **variables: str) -> dict[str, str]:
    return os.environ | {"DATA_DIR": str(data), "PYTHONPATH": str(ROOT), "HOST_NAME": "appliance", **variables}


@dataclass
class Receiver:
    """A receiver over a record store of its own; `kill` and `start` as often as a test wants."""

    data: Path
    variables: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def settings(self) -> Settings:
        """Those of the process."""
        given: dict[str, Any] = {name.lower(): value for name, value in self.variables.items()}
        url = f"https://127.0.0.1:{self.port}"
        return load_settings(
            data_dir=self.data, receiver_url=url, receiver_port=self.port, host_name="appliance", **given
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        variables = {"RECEIVER_PORT": str(self.port), "FINGERPRINT_KEY": KEY, **self.variables}
        log = (self.data.parent / "receiver.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "collector.receiver"],
            cwd=ROOT,
            env=environment_of(self.data, **variables),
            stderr=log,
        )
        log.close()
        wait_until(self.answers)

    def answers(self) -> bool:
        """Whether it speaks TLS."""
        assert self.process is None or self.process.poll() is None, "the receiver has ended"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as plain, context.wrap_socket(plain):
                return True
        except OSError:
            return False

    def peak_memory(self) -> int:
        """Return the most bytes that the process ever had in memory."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the process, by default at whatever instruction it is."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def invite(self, name: str, person: str | None = None) -> str:
        """Return a token that enrols a machine."""
        return invite(self.settings, name, person)

    @contextlib.contextmanager
    def store(self) -> Iterator[RecordStore]:
        """Yield its record store."""
        with contextlib.closing(open_store(self.settings)) as store:
            yield store

    def has(self, lines: int) -> bool:
        """Whether so many lines are stored."""
        return self.count() >= lines

    def count(self) -> int:
        """Return how many lines are stored."""
        with self.store() as store:
            return store.count()


@dataclass
class Sender:
    """A machine that sends: its transcripts and its data directory."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def projects(self) -> Path:
        """Its transcripts."""
        return self.folder / "projects"

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.folder / "data"

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the sender with these arguments."""
        return run("collector.sender", self.data, *arguments, TRANSCRIPTS_DIR=str(self.projects), **self.variables)

    def enrol(self, token: str) -> str:
        """Enrol the machine; return what it said."""
        done = self.run("enrol", token)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def once(self) -> str:
        """Send what is new; return what it said."""
        done = self.run("send", "--once")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> "subprocess.Popen[bytes]":
        """Start a sender that goes on until it is ended."""
        environment = environment_of(self.data, TRANSCRIPTS_DIR=str(self.projects), **self.variables)
        return subprocess.Popen([sys.executable, "-m", "collector.sender", "send"], cwd=ROOT, env=environment)

    @property
    def waiting(self) -> int:
        """How many bytes its spool takes."""
        return (self.data / "sender" / "spool.db").stat().st_size
