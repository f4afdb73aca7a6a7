"""Machines and a receiver as processes on loopback: kills, outages, revocation, and what a stranger may try."""

import json
import signal
import ssl
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import urllib3

from collector.invitation import Invitation
from collector.receiver.certificate import pinned_fingerprint
from collector.receiver.commands import revoke
from collector.receiver.machines import Machines
from collector.wire import MAX_BODY, compress
from common.masking import MASK
from records.store import EARLIEST
from sample.transcripts import SampleStats
from tests.dbt_forks import Forks
from tests.integration.collecting import LINE, append, wait_until, write
from tests.integration.machines.receiving import KEY, Receiver, Sender, run
from tests.unit.loader.planted_secrets import planted

SECRET = next(secret for secret in planted(7) if secret.name == "github token")


def test_one_command_enrols_a_machine_and_sends_what_it_has(receiver: Receiver, laptop: Sender) -> None:
    said = laptop.enrol(receiver.invite("laptop", "Anna"))
    assert "enrolled as laptop" in said
    assert "sent 3 new lines" in said
    assert receiver.count() == 3
    append(laptop.projects / "p/s.jsonl", LINE % 4)
    assert "sent 1 new lines" in laptop.once()
    assert "sent 0 new lines" in laptop.once()
    assert receiver.count() == 4
    [machine] = Machines(receiver.data / "receiver" / "machines.db").all()
    assert (machine.name, machine.person, machine.status) == ("laptop", "Anna", "enrolled")
    assert machine.seen_at


def test_secrets_are_masked_before_they_leave_the_machine(receiver: Receiver, laptop: Sender) -> None:
    line = json.dumps({"type": "user", "uuid": "u", "sessionId": "s", "message": {"content": SECRET.text}})
    append(laptop.projects / "p/s.jsonl", line.encode() + b"\n")
    laptop.enrol(receiver.invite("laptop"))
    with receiver.store() as store:
        kept = b"".join(stored.content for stored in store.read_after(EARLIEST))
    assert SECRET.secret.encode() not in kept
    assert MASK.search(kept.decode())
    files = [path for path in laptop.data.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if SECRET.secret.encode() in path.read_bytes()] == []


def test_what_is_read_offline_waits_on_disk_and_is_sent_later(receiver: Receiver, laptop: Sender) -> None:
    laptop.enrol(receiver.invite("laptop"))
    receiver.kill()
    append(laptop.projects / "p/s.jsonl", LINE % 4)
    done = laptop.run("send", "--once")
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert "unsent lines are kept in" in done.stderr
    (laptop.projects / "p/s.jsonl").unlink()  # as Claude Code does after a month
    receiver.start()
    laptop.once()
    assert receiver.count() == 4


def test_a_sender_that_follows_is_killed_and_started_and_loses_nothing(
    receiver: Receiver, laptop: Sender, sample: tuple[Path, SampleStats]
) -> None:
    laptop.enrol(receiver.invite("laptop"))
    expected = 3 + sample[1].lines - sample[1].malformed
    for path in sorted(sample[0].rglob("*.jsonl")):
        write(laptop.projects / path.relative_to(sample[0]), path.read_bytes())
    for stored in (4, 1500, expected):
        process = laptop.start()
        wait_until(partial(receiver.has, stored))
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    assert receiver.count() == expected


def test_a_receiver_that_is_killed_meanwhile_loses_and_doubles_nothing(
    receiver: Receiver, laptop: Sender, sample: tuple[Path, SampleStats]
) -> None:
    laptop.enrol(receiver.invite("laptop"))
    expected = 3 + sample[1].lines - sample[1].malformed
    process = laptop.start()
    for path in sorted(sample[0].rglob("*.jsonl")):
        write(laptop.projects / path.relative_to(sample[0]), path.read_bytes())
    for stored in (4, 1500):
        wait_until(partial(receiver.has, stored))
        receiver.kill()
        receiver.start()
    wait_until(partial(receiver.has, expected))
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    with receiver.store() as store:
        states = store.states("laptop").values()
        assert store.count() == expected
        assert sum(state.lines - state.dead_letters - state.duplicates for state in states) == expected


def test_a_revocation_is_seen_by_the_next_request_and_ends_the_sender(receiver: Receiver, laptop: Sender) -> None:
    laptop.enrol(receiver.invite("laptop"))
    process = laptop.start()
    append(laptop.projects / "p/s.jsonl", LINE % 4)
    wait_until(lambda: receiver.count() == 4)
    revoke(receiver.settings, "laptop")
    append(laptop.projects / "p/s.jsonl", LINE % 5)
    assert process.wait(60) == 2
    done = laptop.run("send", "--once")
    assert done.returncode == 2
    assert "was revoked" in done.stderr
    assert receiver.count() == 4
    laptop.enrol(receiver.invite("laptop"))
    assert receiver.count() == 5


def test_an_invitation_works_once_and_not_for_long(receiver: Receiver, laptop: Sender, tmp_path: Path) -> None:
    token = receiver.invite("laptop")
    laptop.enrol(token)
    other = Sender(tmp_path / "other")
    done = other.run("enrol", token)
    assert (done.returncode, "was used" in done.stderr) == (1, True)
    machines = Machines(receiver.data / "receiver" / "machines.db")
    expired = machines.invite("late", None, hours=-1)
    invitation = Invitation.of(token).model_copy(update={"secret": expired})
    done = other.run("enrol", invitation.token())
    assert "has expired" in done.stderr
    assert "expected the token" in other.run("enrol", "enrol-rubbish").stderr


def test_a_receiver_with_another_certificate_is_told_nothing(receiver: Receiver, laptop: Sender) -> None:
    token = receiver.invite("laptop")
    receiver.kill()
    (receiver.data / "receiver" / "certificate.pem").unlink()
    receiver.start()
    done = laptop.run("enrol", token)
    assert done.returncode == 1
    assert "expected the certificate that the invitation named" in done.stderr
    assert [machine.status for machine in Machines(receiver.data / "receiver" / "machines.db").all()] == ["invited"]


def test_a_long_line_is_sent_whole(receiver: Receiver, laptop: Sender) -> None:
    long = b'{"type":"user","uuid":"long","sessionId":"s","x":"' + b"x" * 40_000_000 + b'"}'
    append(laptop.projects / "p/s.jsonl", long + b"\n")
    laptop.enrol(receiver.invite("laptop"))
    with receiver.store() as store:
        assert long in {line.content for line in store.read_after(EARLIEST)}


def ask(receiver: Receiver, path: str, body: bytes | None, **headers: str) -> urllib3.BaseHTTPResponse:
    """Send a request as a stranger, or with a token."""
    pinned = pinned_fingerprint(receiver.settings)
    with urllib3.PoolManager(assert_fingerprint=pinned, cert_reqs=ssl.CERT_NONE, retries=False) as pool:
        method = "GET" if body is None else "POST"
        url = f"https://127.0.0.1:{receiver.port}{path}"
        return pool.request(
            method, url, body=body, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )


def bearer(laptop: Sender) -> str:
    machine: dict[str, Any] = json.loads((laptop.data / "sender" / "machine.json").read_text(encoding="utf-8"))
    return f"Bearer {machine['token']}"


LINE_SENT = {"line_id": "0" * 32, "source_file": "p/s.jsonl", "byte_offset": 0, "raw": b"{}", "reason": None}
RUBBISH = {
    "no zstd": b"rubbish",
    "nothing": b"",
    "no BSON": b"\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00hello",
    "a bomb": b"\x28\xb5\x2f\xfd\xa0\x00\x00\x00\xff" + b"\x03\x00\x00" * 10,
    "another document": compress({"hello": 1}),
    "an id that is none": compress({"lines": [LINE_SENT | {"line_id": "x"}]}),
    "a line of no file": compress({"lines": [LINE_SENT]}),
    "another type": compress({"lines": {"a": 1}, "files": "x"}),
    "a file that is none": compress({"files": [{"source_file": 1, "before": ["a", 2]}]}),
}


def test_what_is_no_delivery_is_refused_and_the_receiver_goes_on(receiver: Receiver, laptop: Sender) -> None:
    laptop.enrol(receiver.invite("laptop"))
    token = bearer(laptop)
    for name, body in RUBBISH.items():
        answer = ask(receiver, "/v1/deliveries", body, Authorization=token)
        assert (answer.status, "error" in answer.json()) == (400, True), name
    large = ask(receiver, "/v1/deliveries", b"x", Authorization=token, Content_Length=str(MAX_BODY + 1))
    assert large.status == 413
    chunked = ask(receiver, "/v1/deliveries", b"x", Authorization=token, Content_Length="x")
    assert chunked.status in {400, 411}
    append(laptop.projects / "p/s.jsonl", LINE % 4)
    laptop.once()
    assert receiver.count() == 4


def test_a_stranger_reads_and_writes_nothing(receiver: Receiver, laptop: Sender) -> None:
    body = compress({"lines": [], "files": []})
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
        assert ask(receiver, "/v1/deliveries", body, **headers).status == 401
        assert ask(receiver, "/v1/files", None, **headers).status == 401
    assert ask(receiver, "/v1/enrol", b'{"invitation":"x","token":"y"}').status == 400
    wrong = json.dumps({"invitation": "x", "token": "y" * 40}).encode()
    answers = [ask(receiver, "/v1/enrol", wrong) for _ in range(25)]
    assert {answer.status for answer in answers} == {403, 429}
    assert answers[-1].headers["Retry-After"] == "60"
    assert receiver.count() == 0


def test_no_file_of_either_side_holds_the_others_token(receiver: Receiver, laptop: Sender) -> None:
    token = receiver.invite("laptop")
    secret = Invitation.of(token).secret.encode()
    laptop.enrol(token)
    own = bearer(laptop).removeprefix("Bearer ").encode()
    for path in receiver.data.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), path
            assert own not in path.read_bytes(), path
    assert (laptop.data / "sender" / "machine.json").stat().st_mode & 0o077 == 0
    assert KEY in (laptop.data / "sender" / "machine.json").read_text(encoding="utf-8")


def test_the_next_publication_has_the_session_of_two_new_machines_once_and_whose_they_are(
    receiver: Receiver, laptop: Sender, tmp_path: Path, sample: tuple[Path, SampleStats], dbt_forks: Forks
) -> None:
    path = max(sample[0].glob("*/*.jsonl"), key=lambda file: file.stat().st_size)
    (laptop.projects / "p/s.jsonl").unlink()
    for name, machine in (("laptop", laptop), ("desktop", Sender(tmp_path / "desktop"))):
        write(machine.projects / "p" / path.name, path.read_bytes())
        machine.enrol(receiver.invite(name, "Anna"))
    done = run(dbt_forks.cli(), receiver.data, "run", COLLECTOR="off", FINGERPRINT_KEY=KEY)
    assert done.returncode == 0, done.stdout + done.stderr
    query = (
        "select person, host_count, session_count, (select count(*) from marts.dim_sessions) as sessions,"
        " (select list(host order by host) from marts.dim_hosts where file_count = 1) as hosts from marts.dim_people"
    )
    with duckdb.connect(receiver.data / "duckdb" / "current" / "analytics.db", read_only=True) as connection:
        assert connection.execute(query).fetchall() == [("Anna", 2, 1, 1, ["desktop", "laptop"])]
