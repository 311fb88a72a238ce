"""How the broker in the settings learns of gateways: one door for each kind of broker."""

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from alarms.errors import FengsuiError
from api.authority import Authority
from api.gateway_life import Door, Entrance
from fengsui import broker_takeover, embedded, mosquitto
from fengsui.dynamic_security import DynamicSecurity
from fengsui.embedded import access
from fengsui.embedded import broker as embedded_broker
from fengsui.embedded.broker import Files
from fengsui.settings import Settings


def entrance(
    settings: Settings, *, passwd_file: Path | None = None, acl_file: Path | None = None
) -> Entrance:
    """Return the way into the settings' broker; the files are those of a Mosquitto by files."""
    url = embedded.broker_url(settings) or "mqtt://127.0.0.1:1883"
    parts = urlsplit(url)
    where = f"{parts.hostname or '127.0.0.1'}" + (f":{parts.port}" if parts.port else "")
    return Entrance(
        address=f"{parts.scheme}://{where}",
        prefix=settings.topic_prefix,
        door=_door(settings, passwd_file, acl_file),
        authority=Authority(settings.data_dir / "authority"),
    )


def _door(settings: Settings, passwd_file: Path | None, acl_file: Path | None) -> Door:
    if settings.broker_url is None or _is_embedded(settings):
        return _Embedded(Files(data_dir=settings.data_dir).credentials)
    if settings.broker_access == "dynsec":
        return DynamicSecurity(settings.broker_url, prefix=settings.topic_prefix)
    if settings.broker_access == "http":
        return _Asking(settings.broker_url)
    return _ByFiles(settings.topic_prefix, passwd_file, acl_file)


def _is_embedded(settings: Settings) -> bool:
    """Tell whether the address is the embedded broker's: a role's process is given it so."""
    own = embedded_broker.address(settings.data_dir)
    return own is not None and own.url == settings.broker_url


@dataclass(frozen=True, slots=True)
class _Embedded:
    """The embedded broker takes up its file within a second."""

    file: Path

    async def admit(
        self,
        gateway: str,
        password: str | None,  # noqa: ARG002  # it takes our hash
        digest: str | None,
    ) -> Sequence[str]:
        if digest is None:
            raise FengsuiError(
                "the embedded broker knows no certificates; "
                "name a Mosquitto with FENGSUI_BROKER_URL"
            )
        account = access.Account(hash=digest, gateway=True)
        await asyncio.to_thread(access.put, self.file, gateway, account)
        return ("the embedded broker has taken up the account",)

    async def shut(self, gateway: str) -> Sequence[str]:
        await asyncio.to_thread(access.put, self.file, gateway, None)
        return ("the embedded broker ends its connection",)


@dataclass(frozen=True, slots=True)
class _Asking:
    """A broker that asks this server about every connection and topic (api.routes.broker)."""

    url: str

    async def admit(
        self,
        gateway: str,
        password: str | None,  # noqa: ARG002
        digest: str | None,  # noqa: ARG002
    ) -> Sequence[str]:
        await asyncio.to_thread(broker_takeover.end, self.url, gateway)
        return ("the broker asks this server, which knows the account now",)

    async def shut(self, gateway: str) -> Sequence[str]:
        await asyncio.to_thread(broker_takeover.end, self.url, gateway)
        return ("the broker has ended its connection, and is told no when it asks",)


@dataclass(frozen=True, slots=True)
class _ByFiles:
    """Mosquitto's files: written where they were named, else said what to do by hand."""

    prefix: str
    passwd_file: Path | None
    acl_file: Path | None

    async def admit(
        self,
        gateway: str,
        password: str | None,
        digest: str | None,  # noqa: ARG002  # Mosquitto has its own kind of hash
    ) -> Sequence[str]:
        told: list[str] = []
        topics = mosquitto.topics(gateway, self.prefix)
        try:
            if password is not None:
                told.append(self._account(gateway, password))
            if self.acl_file is not None:
                mosquitto.put_topics(self.acl_file, gateway, topics)
                told.append(f"{self.acl_file}: the topics are written")
            else:
                told.append("add to the broker's acl_file:")
                told += [f"  {line}" for line in (f"user {gateway}", *topics)]
        except OSError as fault:
            raise FengsuiError(
                f"{fault.filename} could not be written ({fault.strerror}), nothing was changed; "
                "give this user rights there and do this again"
            ) from fault
        return (*told, "then reload Mosquitto: kill -HUP, or systemctl reload mosquitto")

    def _account(self, gateway: str, password: str) -> str:
        if self.passwd_file is not None:
            mosquitto.put_account(self.passwd_file, gateway, password)
            return f"{self.passwd_file}: the account is written"
        words = shlex.join(["mosquitto_passwd", "-b", "PASSWORD_FILE", gateway, password])
        return f"add the account to the broker: {words}"

    async def shut(self, gateway: str) -> Sequence[str]:
        told: list[str] = []
        if self.acl_file is not None:
            mosquitto.put_topics(self.acl_file, gateway, ())
            told.append(f"{self.acl_file}: the topics are removed")
        if self.passwd_file is not None:
            mosquitto.put_account(self.passwd_file, gateway, None)
            return (*told, f"{self.passwd_file}: the account is removed; then reload Mosquitto")
        words = f"mosquitto_passwd -D PASSWORD_FILE {gateway}"
        ending = "then restart Mosquitto, which ends its connection"
        return (*told, f"remove it from the broker too: {words}; {ending}")
