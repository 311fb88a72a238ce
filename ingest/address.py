"""Where the broker is, who we are to it, and the name under which it keeps our session."""

import hashlib
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

from alarms.errors import SettingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the broker is and who we are to it; `mqtt://user:password@host:1883` or `mqtts://`."""

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a broker's URL; raises SettingError."""
        wanted = "write mqtt://user:password@host:1883 or mqtts://host:8883"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise SettingError(f"the broker URL has {error}; {wanted}") from error
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise SettingError(
                f"the broker URL must name mqtt:// or mqtts:// and a host, not"
                f" {parts.scheme or 'nothing'}://{parts.hostname or ''}; {wanted}"
            )
        tls = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname,
            port=port or (8883 if tls else 1883),
            tls=tls,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def client_id(record: str, session: str = "ingest") -> str:
    """Name the client after the record it fills, so that a restart finds its session.

    23 characters for a session of six, the most that every 3.1.1 broker must take.
    """
    return f"fengsui-{session}-{hashlib.blake2b(record.encode(), digest_size=4).hexdigest()}"
