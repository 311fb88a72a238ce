"""The address of a broker: mqtt://user:password@host:port, mqtts:// for TLS."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from simulators.errors import RequestError

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the gateways connect and, unless each has its own, as whom."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None

    @property
    def shown(self) -> str:
        """The address without its secret."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def parse(
    url: str,
    *,
    username: str | None = None,
    password: str | None = None,
    ca_file: str | None = None,
) -> Broker:
    """Read a broker's address; username and password given apart win over those in the address."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise RequestError(
            f"a broker's address looks like mqtt://user:password@host:1883 or mqtts://host, "
            f"there was {_without_secret(url)!r}"
        )
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError as error:
        raise RequestError(
            f"the port of a broker is a number up to 65535, there was {_without_secret(url)!r}"
        ) from error
    return Broker(
        host=parts.hostname,
        port=port,
        tls=parts.scheme == "mqtts",
        username=username or (unquote(parts.username) if parts.username else None),
        password=password or (unquote(parts.password) if parts.password else None),
        ca_file=ca_file,
    )


def _without_secret(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url
