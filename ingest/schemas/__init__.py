"""JSON Schemas of what gateways and server say to each other, for whoever builds a gateway."""

import json
from importlib import resources
from typing import Any, Final

NAMES: Final = ("readings", "senml", "status", "replies")


def load(name: str) -> dict[str, Any]:
    """Return the schema of a channel's payload."""
    text = resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
