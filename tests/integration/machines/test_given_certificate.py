"""A certificate that is given is verified by the system's authorities and the host's name, and may be renewed."""

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from collector.invitation import Invitation
from collector.receiver.certificate import certificate_of
from common.settings import SettingsError, load_settings
from tests.integration.machines.receiving import Receiver, Sender


def write_certificate(path: Path, address: str) -> None:
    """Write a certificate for this address, which is its own authority, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(names, critical=False)
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(encoding))


@pytest.fixture
def given(tmp_path: Path) -> Iterator[Receiver]:
    """A receiver with a certificate for its address."""
    write_certificate(tmp_path / "given.pem", "127.0.0.1")
    started = Receiver(tmp_path / "appliance", {"RECEIVER_CERTIFICATE": str(tmp_path / "given.pem")})
    started.start()
    yield started
    started.kill()


def test_a_machine_trusts_what_its_system_trusts(given: Receiver, laptop: Sender, tmp_path: Path) -> None:
    token = given.invite("laptop")
    assert Invitation.of(token).certificate is None
    done = laptop.run("enrol", token)
    assert (done.returncode, "expected the certificate" in done.stderr) == (1, True)
    laptop.variables["SSL_CERT_FILE"] = str(tmp_path / "given.pem")
    laptop.enrol(token)
    given.kill()
    write_certificate(tmp_path / "given.pem", "127.0.0.1")
    given.start()
    laptop.once()


def test_a_certificate_for_another_host_is_refused(given: Receiver, laptop: Sender, tmp_path: Path) -> None:
    given.kill()
    write_certificate(tmp_path / "given.pem", "127.0.0.2")
    given.start()
    laptop.variables["SSL_CERT_FILE"] = str(tmp_path / "given.pem")
    done = laptop.run("enrol", given.invite("laptop"))
    assert done.returncode == 1
    assert "expected the certificate" in done.stderr


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n"])
def test_a_file_that_is_no_certificate_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "given.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"^RECEIVER_CERTIFICATE=.*expected a PEM file with a private key"):
        certificate_of(load_settings(data_dir=tmp_path, receiver_certificate=path))
