"""The server's own certificate authority: certificates of gateways and the list of revoked ones.

Key and certificate lie in `<data_dir>/authority`, 0600 and 0644. Certificates name the gateway as
common name, which Mosquitto takes as the user name (`use_identity_as_username`).
"""

import contextlib
import datetime as dt
import fcntl
import ipaddress
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from alarms.errors import FengsuiError

AUTHORITY_DAYS: Final = 3650
REVOCATIONS_DAYS: Final = 365
"""How long a list of revoked certificates counts; Mosquitto refuses everybody by a stale one."""
_BACKDATED: Final = dt.timedelta(hours=1)
"""Gateways' clocks are seldom right: a certificate counts from a little before it is made."""
_SMALLEST_RSA: Final = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate just issued; `key` is None where the gateway keeps its own."""

    serial: str
    fingerprint: str
    not_before: dt.datetime
    not_after: dt.datetime
    certificate: str
    key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """A certificate that counts no more: its serial in hexadecimal, since when."""

    serial: str
    at: dt.datetime


class Authority:
    """The authority in a folder; it is made the first time it is needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def certificate(self, now: dt.datetime) -> str:
        """Return the authority's own certificate, PEM: what brokers and gateways trust."""
        return _pem(self._own(now)[1])

    def for_gateway(
        self, gateway: str, *, now: dt.datetime, days: int, request: str | None = None
    ) -> Certificate:
        """Issue a gateway's certificate, for the key of its request or for a new one.

        Of the request only the key counts; raises FengsuiError for one that cannot be used.
        """
        if request is not None:
            return self._issue(gateway, _public_key(request), None, now=now, days=days, hosts=())
        key = ec.generate_private_key(ec.SECP256R1())
        return self._issue(gateway, key.public_key(), key, now=now, days=days, hosts=())

    def for_broker(self, hosts: Iterable[str], *, now: dt.datetime, days: int) -> Certificate:
        """Issue a broker's certificate for its names or addresses."""
        names = tuple(hosts)
        key = ec.generate_private_key(ec.SECP256R1())
        return self._issue(names[0], key.public_key(), key, now=now, days=days, hosts=names)

    def revocations(self, revoked: Iterable[Revocation], *, now: dt.datetime) -> str:
        """Return the signed list of revoked certificates, PEM."""
        key, own = self._own(now)
        listed = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(own.subject)
            .last_update(now - _BACKDATED)
            .next_update(now + dt.timedelta(days=REVOCATIONS_DAYS))
        )
        for one in revoked:
            listed = listed.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(int(one.serial, 16))
                .revocation_date(one.at)
                .build()
            )
        return listed.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def _issue(
        self,
        name: str,
        public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        key: ec.EllipticCurvePrivateKey | None,
        *,
        now: dt.datetime,
        days: int,
        hosts: tuple[str, ...],
    ) -> Certificate:
        own_key, own = self._own(now)
        until = min(now + dt.timedelta(days=days), own.not_valid_after_utc)
        use = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        building = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(own.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(now - _BACKDATED, own.not_valid_before_utc))
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(own_key.public_key()),
                critical=False,
            )
        )
        if hosts:
            names = x509.SubjectAlternativeName([_host(host) for host in hosts])
            building = building.add_extension(names, critical=False)
        made = building.sign(own_key, hashes.SHA256())
        return Certificate(
            serial=f"{made.serial_number:x}",
            fingerprint=made.fingerprint(hashes.SHA256()).hex(),
            not_before=made.not_valid_before_utc,
            not_after=made.not_valid_after_utc,
            certificate=_pem(made),
            key=None if key is None else _private_pem(key),
        )

    def _own(self, now: dt.datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """Return the authority's key and certificate, made where there are none."""
        files = self._folder / "key.pem", self._folder / "ca.pem"
        with self._turn():
            if not files[0].exists():
                self._make(*files, now=now)
            try:
                key = serialization.load_pem_private_key(files[0].read_bytes(), password=None)
                own = x509.load_pem_x509_certificate(files[1].read_bytes())
            except (OSError, ValueError) as fault:
                raise FengsuiError(
                    f"the authority in {self._folder} cannot be read ({fault}); put back a copy, "
                    "or remove the folder and give every gateway a new certificate"
                ) from fault
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  # we made it
        return key, own

    def _make(self, key_file: Path, certificate_file: Path, *, now: dt.datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, f"Fengsui {os.urandom(4).hex()}")]
        )
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(now + dt.timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_signs_only(), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        certificate_file.write_text(_pem(made))
        # The key comes last: where it is there, its certificate is.
        beside = key_file.with_suffix(".new")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(_private_pem(key))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(key_file)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Let one process at a time look whether there is an authority, and make it."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(lock, "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield


def _public_key(request: str) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    """Return the key of a certificate signing request whose owner has the private part."""
    try:
        read = x509.load_pem_x509_csr(request.encode())
        key = read.public_key()
        is_signed = read.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as fault:
        raise FengsuiError(f"the certificate signing request cannot be read: {fault}") from fault
    if not is_signed:
        raise FengsuiError("the certificate signing request is not signed by its own key")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_RSA:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= 256:
        return key
    raise FengsuiError("the request's key must be RSA of 2048 bits or elliptic of 256, or more")


def _signs_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
