"""The receiver's certificate: the configured one, or a self-signed one that machines identify by its fingerprint."""

import ssl
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from common.private_files import create_file
from common.settings import Settings, SettingsError

_DAYS = 3650
"""Machines check only its fingerprint, not when it expires."""


def certificate_of(settings: Settings) -> Path:
    """Return the PEM file of the certificate and its key; without a configured one, create a self-signed one.

    Raises SettingsError if the file cannot be read or does not contain such a pair.
    """
    if settings.receiver_certificate:
        return _checked(settings.receiver_certificate)
    path = settings.data_dir / "receiver" / "certificate.pem"
    if not path.exists():
        create_file(path, _self_signed())
    return _checked(path)


def pinned_fingerprint(settings: Settings) -> str | None:
    """Return the fingerprint that machines must find; None for a configured certificate, which they verify as usual."""
    path = certificate_of(settings)
    if settings.receiver_certificate:
        return None
    return sha256(ssl.PEM_cert_to_DER_cert(_certificate(path.read_text(encoding="ascii")))).hexdigest()


def _certificate(pem: str) -> str:
    start, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return start + pem.partition(start)[2].partition(end)[0] + end


def _checked(path: Path) -> Path:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
    except OSError as error:
        reason = error.strerror if error.errno and not isinstance(error, ssl.SSLError) else "it holds no such pair"
        raise SettingsError(
            f"RECEIVER_CERTIFICATE={path}: expected a PEM file with a private key and its certificate, found: {reason}"
        ) from None
    return path


def _self_signed() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "claude-analytics receiver")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
