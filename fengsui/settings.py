"""Settings: built-in defaults, a TOML file, the environment, then the command line; later wins."""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from alarms.errors import SettingError

PREFIX: Final = "FENGSUI_"
_NOT_SETTINGS: Final = ("FENGSUI_TEST_", "FENGSUI_NODE", "FENGSUI_CONFIG")
"""Variables of tests and of the build, and the name of the file itself."""
BROKER_ACCESS: Final = ("files", "dynsec", "http")
"""How a broker of one's own learns of gateways: files, Mosquitto's plugin, or by asking us."""
PUSH_COMPRESSION: Final = ("off", "on")
"""Whether WebSocket frames are compressed for clients that offer it (permessage-deflate)."""
_WHOLE_NUMBERS: Final = (
    "http_port",
    "raw_days",
    "rollup_days",
    "journal_days",
    "broker_queue_bytes",
)
_PATHS: Final = ("data_dir", "http_tls_cert", "http_tls_key")
_EMBEDDED: Final = ("database_url", "broker_url")
_LONGEST_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a deployer can set; no address of database or broker means the embedded one."""

    database_url: str | None = None
    broker_url: str | None = None
    broker_access: str = "files"
    data_dir: Path = Path(".fengsui")
    http_host: str = "127.0.0.1"
    http_port: int = 8000
    http_tls_cert: Path | None = None
    http_tls_key: Path | None = None
    public_url: str | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = None
    oidc_claim: str = "preferred_username"
    topic_prefix: str = "fengsui/v1"
    sparkplug_host_id: str = "fengsui"
    raw_days: int = 400
    rollup_days: int = 731
    journal_days: int = 1096
    broker_queue_bytes: int = 1 << 30
    broker_metrics_url: str | None = None
    push_compression: str = "off"

    def __post_init__(self) -> None:
        _check_url("database_url", self.database_url, ("postgresql", "postgres"))
        _check_url("broker_url", self.broker_url, ("mqtt", "mqtts"))
        _check_url("broker_metrics_url", self.broker_metrics_url, ("http", "https"))
        if self.broker_access not in BROKER_ACCESS:
            raise _bad("broker_access", self.broker_access, "one of " + ", ".join(BROKER_ACCESS))
        if not 0 <= self.http_port <= 65535:
            raise _bad("http_port", self.http_port, "a port from 0 to 65535")
        if (self.http_tls_cert is None) != (self.http_tls_key is None):
            raise SettingError(
                f"{variable('http_tls_cert')} and {variable('http_tls_key')} go together; "
                "set both to serve https, or none"
            )
        _check_url("public_url", self.public_url, ("http", "https"))
        _check_url("oidc_issuer", self.oidc_issuer, ("http", "https"))
        together = ("oidc_issuer", "oidc_client_id", "public_url")
        if self.oidc_issuer is not None or self.oidc_client_id is not None:
            missing = [variable(name) for name in together if getattr(self, name) is None]
            if missing:
                raise SettingError(
                    f"sign-in through a provider wants {', '.join(map(variable, together))}; "
                    f"{', '.join(missing)} not set"
                )
        if not re.fullmatch(r"[^/+#\s$][^+#\s]*(?<!/)", self.topic_prefix):
            raise _bad("topic_prefix", self.topic_prefix, "an MQTT topic without + # or a last /")
        if not re.fullmatch(r"[^/+#\s]+", self.sparkplug_host_id):
            raise _bad("sparkplug_host_id", self.sparkplug_host_id, "a name without / + # or `off`")
        for name in ("raw_days", "rollup_days", "journal_days"):
            if not 1 <= getattr(self, name) <= _LONGEST_DAYS:
                raise _bad(name, getattr(self, name), f"whole days from 1 to {_LONGEST_DAYS}")
        if self.broker_queue_bytes < 1:
            raise _bad("broker_queue_bytes", self.broker_queue_bytes, "a number of bytes above 0")
        if self.push_compression not in PUSH_COMPRESSION:
            wanted = "one of " + ", ".join(PUSH_COMPRESSION)
            raise _bad("push_compression", self.push_compression, wanted)
        if self.rollup_days < self.raw_days:
            wanted = f"no less than {variable('raw_days')}, {self.raw_days}"
            raise _bad("rollup_days", self.rollup_days, wanted)

    @property
    def sparkplug_host(self) -> str | None:
        """Return the host id under which Sparkplug edge nodes know us; None where that is off."""
        return None if self.sparkplug_host_id == "off" else self.sparkplug_host_id

    @classmethod
    def load(cls, *, file: Path | None, environment: Mapping[str, str]) -> Self:
        """Read the file (or the one `FENGSUI_CONFIG` names) and then the environment.

        Raises SettingError with the key's name for an unknown key or a value that cannot be used.
        """
        if file is None and environment.get("FENGSUI_CONFIG"):
            file = Path(environment["FENGSUI_CONFIG"])
        found: dict[str, Any] = {} if file is None else _of_file(file)
        found |= _of_environment(environment)
        converted: dict[str, Any] = {name: _convert(name, value) for name, value in found.items()}
        return cls(**converted)

    def with_flags(self, **flags: object) -> Self:
        """Return these settings with the command line's flags over them; None is no flag."""
        given: dict[str, Any] = {name: flag for name, flag in flags.items() if flag is not None}
        return replace(self, **given)

    def environment(self) -> dict[str, str]:
        """Return the settings as the variables a child process reads."""
        pairs = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            variable(name): str(value.absolute() if isinstance(value, Path) else value)
            for name, value in pairs.items()
            if value is not None
        }

    def shown(self) -> dict[str, str]:
        """Return the values in force for people to read, secrets hidden."""
        return {
            variable(field.name): _shown(field.name, getattr(self, field.name))
            if getattr(self, field.name) is not None
            else ("(embedded)" if field.name in _EMBEDDED else "(none)")
            for field in fields(self)
        }


def _shown(name: str, value: object) -> str:
    return "***" if name == "oidc_client_secret" else hide_secret(str(value))


def variable(name: str) -> str:
    """Return a setting's environment variable."""
    return PREFIX + name.upper()


def hide_secret(url: str) -> str:
    """Return an address with its password, if it has one, replaced by stars."""
    return re.sub(r"(://[^:/@\s]*:)[^@\s]*@", r"\1***@", url)


def clean_environment() -> dict[str, str]:
    """Return this process's environment without our settings, for children that get their own."""
    return {name: value for name, value in os.environ.items() if _setting_of(name) is None}


def _setting_of(name: str) -> str | None:
    """Return which setting a variable would be, known or not; None for other variables."""
    if not name.startswith(PREFIX) or name.startswith(_NOT_SETTINGS):
        return None
    return name.removeprefix(PREFIX).lower()


def _of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    named = {key: value for name, value in environment.items() if (key := _setting_of(name))}
    _refuse_unknown(named, lambda key: f"the variable {variable(key)}")
    return {key: value for key, value in named.items() if value != ""}


def _of_file(file: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"the settings file {file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"the settings file {file} is not TOML: {error}") from error
    _refuse_unknown(found, lambda key: f"{key} in {file}")
    return found


def _refuse_unknown(found: Mapping[str, Any], place: Callable[[str], str]) -> None:
    known = {field.name for field in fields(Settings)}
    for key in sorted(found.keys() - known):
        raise SettingError(
            f"{place(key)} is no setting; known are {', '.join(sorted(map(str, known)))}"
        )


def _convert(name: str, value: object) -> str | int | Path:
    """Turn a text or TOML value into the setting's type."""
    if name in _WHOLE_NUMBERS:
        try:
            return int(str(value))
        except ValueError as error:
            raise _bad(name, value, "a whole number") from error
    if not isinstance(value, str):
        raise _bad(name, value, "a text")
    return Path(value) if name in _PATHS else value


def _check_url(name: str, url: str | None, schemes: tuple[str, ...]) -> None:
    if url is None:
        return
    wanted = " or ".join(f"{scheme}://" for scheme in schemes[:2])
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise _bad(name, hide_secret(url), f"an address beginning with {wanted}")


def _bad(name: str, value: object, wanted: str) -> SettingError:
    return SettingError(f"{variable(name)} is {value!r}; it must be {wanted}")
