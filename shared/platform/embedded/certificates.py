"""A certificate authority of the embedded run's own: made once, for this machine only.

In production certificates come from the operator's authority; nothing here runs there.
"""

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_YEARS = 5
_SERVER = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, both PEM files."""

    certificate: Path
    key: Path


class LocalAuthority:
    """Signs for this machine; its files lie in one folder that only their owner can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def certificate(self) -> Path:
        """What a client has to trust."""
        return self._own.certificate

    def server(self) -> Pair:
        """The gateway's certificate for localhost and the loopback addresses; made once."""
        return self._ensure("server", x509.SubjectAlternativeName(_SERVER), client=False)

    def client(self, name: str) -> Pair:
        """A certificate with which a bank's core shows itself; `name` is its common name."""
        alternative = x509.SubjectAlternativeName([x509.DNSName(name)])
        return self._ensure(name, alternative, client=True)

    @property
    def _own(self) -> Pair:
        pair = self._pair("authority")
        if not pair.certificate.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            subject = _name("Yinqi local authority")
            builder = _builder(subject, subject, key.public_key()).add_extension(
                x509.BasicConstraints(ca=True, path_length=0), critical=True
            )
            self._keep(pair, key, builder.sign(key, hashes.SHA256()))
        return pair

    def _ensure(self, name: str, alternative: x509.SubjectAlternativeName, *, client: bool) -> Pair:
        pair = self._pair(name)
        if pair.certificate.exists() and _lasts(pair.certificate):
            return pair
        own = self._own
        issuer = x509.load_pem_x509_certificate(own.certificate.read_bytes())
        signer = serialization.load_pem_private_key(own.key.read_bytes(), password=None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)  # it was made here
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(_name(name), issuer.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(alternative, critical=False)
        )
        self._keep(pair, key, builder.sign(signer, hashes.SHA256()))
        return pair

    def _pair(self, name: str) -> Pair:
        return Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")

    def _keep(
        self, pair: Pair, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        with os.fdopen(os.open(pair.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            f.write(text)
        # Last, so that a pair without its certificate is made again.
        pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365 * _YEARS))
    )


def _lasts(path: Path) -> bool:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    return certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=30)
