"""The embedded MQTT broker as a child of this process: its port, its own account, its files."""

import asyncio
import contextlib
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from alarms.errors import UnavailableError
from api import machine_passwords
from fengsui.embedded import access
from fengsui.embedded.kept import Kept, Program
from fengsui.embedded.postgres import free_port

USUAL_PORT: Final = 1883
START_S: Final = 30.0

logger = logging.getLogger("fengsui.embedded")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """`<data_dir>/broker.json`, 0600: where the broker is and the server's own account."""

    url: str
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where the files of one embedded broker lie."""

    data_dir: Path

    @property
    def folder(self) -> Path:
        """Return the broker's own folder."""
        return self.data_dir / "broker"

    @property
    def credentials(self) -> Path:
        """Return the accounts: hashes only."""
        return self.folder / "credentials"

    @property
    def address(self) -> Path:
        """Return the file other commands find the broker by."""
        return self.data_dir / "broker.json"

    @property
    def log(self) -> Path:
        """Return the broker's log."""
        return self.data_dir / "log" / "broker.log"


class Broker:
    """The running broker; `url` holds until `stop`, restarts included (the port is kept)."""

    def __init__(self, files: Files, *, port: int, password: str, prefix: str) -> None:
        self.files = files
        self.port = port
        self.url = f"mqtt://{access.SERVER}:{password}@127.0.0.1:{port}"
        self.kept = Kept(
            Program(
                name="the MQTT broker",
                argv=(
                    sys.executable,
                    *("-m", "fengsui.embedded.broker_process"),
                    *(str(port), str(files.folder), prefix),
                ),
                log=files.log,
            ),
            ready=self._serves,
        )

    async def stop(self) -> None:
        """Stop the broker; sessions and what is queued for them are written down."""
        await self.kept.stop()
        logger.info("the MQTT broker stopped")

    async def _serves(self) -> None:
        ready = self.files.folder / "ready"
        deadline = asyncio.get_running_loop().time() + START_S
        while asyncio.get_running_loop().time() < deadline:
            with contextlib.suppress(OSError):
                if ready.read_text().split() == [str(self.port), str(self.kept.pid)]:
                    return
            await asyncio.sleep(0.03)
        raise UnavailableError(
            f"the MQTT broker was started but did not serve within {START_S:.0f} s; "
            f"see {self.files.log}"
        )


async def start(data_dir: Path, *, prefix: str) -> Broker:
    """Start the broker of this data directory on the usual port, its last one, or a free one."""
    files = Files(data_dir=data_dir)
    files.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    password = _server_password(files)
    last = address(data_dir)
    for attempt in range(5):
        port = _port(last.port if last else USUAL_PORT) if attempt == 0 else free_port(0)
        broker = Broker(files, port=port, password=password, prefix=prefix)
        try:
            await broker.kept.start()
        except UnavailableError as fault:
            if "address already in use" in str(fault) and attempt < 4:
                continue
            raise
        found = Address(url=broker.url, host="127.0.0.1", port=port)
        access.write_secret(files.address, msgspec.json.encode(found))
        logger.info("the MQTT broker is running on 127.0.0.1:%d, pid %s", port, broker.kept.pid)
        return broker
    raise UnavailableError(f"no free port was found for the MQTT broker; see {files.log}")


def address(data_dir: Path) -> Address | None:
    """Return where the broker of this data directory is or was last; None when there was none."""
    try:
        content = Files(data_dir=data_dir).address.read_bytes()
        return msgspec.json.decode(content, type=Address)
    except (OSError, msgspec.DecodeError):
        return None


def _port(last: int) -> int:
    """Return the usual port when it is free, else the last one, else any."""
    usual = free_port(USUAL_PORT)
    return usual if usual == USUAL_PORT else free_port(last)


def _server_password(files: Files) -> str:
    """Return the server account's password; a new one where none is known."""
    last = address(files.data_dir)
    accounts = access.read(files.credentials).accounts
    if last is not None and access.SERVER in accounts:
        password = urlsplit(last.url).password
        if password:
            return password
    password = machine_passwords.new()
    account = access.Account(hash=machine_passwords.hashed(password), gateway=False)
    access.put(files.credentials, access.SERVER, account)
    return password
