"""The server's own certificate: loaded, checked with its key, loaded anew when its files change."""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NoReturn

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from alarms.errors import SettingError

LOOK_S: Final = 2.0
"""How often the files are looked at, in seconds."""
HSTS: Final = "max-age=31536000"
"""A browser that came by https once comes by https only, for a year."""
_LOG = logging.getLogger(__name__)
_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate (its chain behind it, PEM) and its key, as files."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Return what the port serves with: TLS 1.2 at least; SettingError when they do not fit."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        self.load(made)
        return made

    def load(self, context: ssl.SSLContext) -> None:
        """Give a context this certificate for the connections to come; SettingError when unfit."""
        for name, file in (("CERT", self.certificate), ("KEY", self.key)):
            try:
                file.read_bytes()
            except OSError as error:
                raise SettingError(
                    f"FENGSUI_HTTP_TLS_{name} names {file}, which cannot be read: {error.strerror}"
                ) from error
        try:
            context.load_cert_chain(self.certificate, self.key, _no_passphrase)
        except (ssl.SSLError, OSError) as error:
            raise SettingError(
                f"the certificate {self.certificate} and the key {self.key} are no pair of PEM "
                "files that belong together; mend FENGSUI_HTTP_TLS_CERT and FENGSUI_HTTP_TLS_KEY"
            ) from error

    async def follow(self, context: ssl.SSLContext) -> None:
        """Load the files anew whenever they change, for ever; an unfit pair leaves the old one.

        It is tried on a context of its own first: one that is half loaded would serve nobody.
        """
        loaded = said = self._stamp()
        while True:
            await asyncio.sleep(LOOK_S)
            stamp = self._stamp()
            if stamp == loaded:
                continue
            try:
                self.context()
                self.load(context)
            except SettingError as error:
                if stamp != said:
                    _LOG.error("%s; the certificate loaded before is served on", error)
                said = stamp
            else:
                loaded = stamp
                _LOG.info("the certificate %s is loaded anew", self.certificate)

    def _stamp(self) -> _Stamp:
        """Return what tells that a file is another: its number, time and size; zeros for none."""
        found = []
        for file in (self.certificate, self.key):
            try:
                seen = file.stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((seen.st_ino, seen.st_mtime_ns, seen.st_size))
        return tuple(found)


def expires(certificate: Path) -> datetime:
    """Return until when a certificate holds; raise OSError or ValueError when it is unreadable."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return a client's context that trusts this very certificate and no other, whatever its names.

    It is for a server of this machine, whose file is here: 127.0.0.1 stands in few certificates.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
        made.load_verify_locations(cadata=leaf.public_bytes(Encoding.PEM).decode("ascii"))
    except (OSError, ValueError) as error:
        raise SettingError(
            f"FENGSUI_HTTP_TLS_CERT names {certificate}, which is no readable PEM certificate"
        ) from error
    return made


def _no_passphrase() -> NoReturn:
    raise SettingError(
        "the key of FENGSUI_HTTP_TLS_KEY is locked with a passphrase, which nobody would type at a "
        "restart; write it without one (`openssl pkey -in locked.pem -out key.pem`), mode 0600"
    )
