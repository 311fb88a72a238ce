"""Which broker a simulated gateway connects to: the one named, the settings', or a demo's own."""

import json
from pathlib import Path

from fengsui.settings import Settings
from simulators import broker
from simulators.broker import Broker
from simulators.errors import SimulatorError


def choose(
    settings: Settings,
    *,
    url: str | None,
    username: str | None = None,
    password: str | None = None,
    ca_file: str | None = None,
) -> Broker:
    """Take --broker, else FENGSUI_BROKER_URL, else what `<data_dir>/broker.json` says.

    Raises SimulatorError when none of them names a broker, RequestError when the address is bad.
    """
    found = url or settings.broker_url or _embedded(settings.data_dir)
    if found is None:
        raise SimulatorError(
            "no broker is known: name one with --broker mqtt://host:1883 or FENGSUI_BROKER_URL, "
            f"or start `fengsui demo` or `fengsui serve` with this data directory "
            f"({settings.data_dir})"
        )
    return broker.parse(found, username=username, password=password, ca_file=ca_file)


def _embedded(data_dir: Path) -> str | None:
    file = data_dir / "broker.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return str(found["url"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SimulatorError(
            f"{file} does not say where the embedded broker is ({error}); start `fengsui demo` "
            f"again, or name a broker with --broker"
        ) from error
