"""The AsyncAPI 3 document: what gateways publish over MQTT, what platforms get over WebSocket."""

from typing import Any, Final

from api import (
    examples,
    frame_schemas,
    frames,
    relay_frames,
    relay_schemas,
    schemas,
    warning_schemas,
)

_CLIENT: Final = ("Auth", "Subscribe", "Unsubscribe", "Ack", "Command")
_VALUE_CLIENT: Final = ("Auth", "SubscribeValues", "UnsubscribeValues")
_VALUE: Final[dict[str, Any]] = {
    "oneOf": [
        {"type": ["number", "boolean"]},
        {
            "type": "object",
            "required": ["v"],
            "properties": {
                "v": {"type": ["number", "boolean"]},
                "q": {"type": ["string", "integer"]},
                "ts": {"$ref": "#/components/schemas/Stamp"},
            },
        },
    ]
}
_GATEWAY: Final[dict[str, dict[str, Any]]] = {
    "Stamp": {
        "description": "Milliseconds since 1970, or RFC 3339 with offset.",
        "oneOf": [{"type": "number"}, {"type": "string", "format": "date-time"}],
    },
    "ReadingsObject": {
        "description": "One message in any of the three shapes.",
        "anyOf": [
            {
                "type": "object",
                "required": ["values"],
                "properties": {
                    "ts": {"$ref": "#/components/schemas/Stamp"},
                    "values": {"type": "object", "additionalProperties": _VALUE},
                    "seq": {"type": "integer", "minimum": 0, "maximum": 2147483648},
                    "history": {"type": "boolean"},
                },
            },
            {
                "type": "object",
                "required": ["points", "rows"],
                "properties": {
                    "points": {"type": "array", "items": {"type": "string"}},
                    "rows": {"type": "array", "items": {"type": "array"}},
                },
            },
            {
                "type": "object",
                "required": ["tag", "value"],
                "properties": {
                    "ts": {"$ref": "#/components/schemas/Stamp"},
                    "tag": {"type": "string"},
                    "value": _VALUE,
                },
            },
        ],
    },
    "GatewaySenml": {
        "description": "A SenML pack (RFC 8428), resolved by its base fields.",
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                **{name: {"type": "string"} for name in ("bn", "n", "bu", "u", "vs", "vd")},
                **{name: {"type": "number"} for name in ("bt", "t", "bv", "v", "bs", "s", "ut")},
                "vb": {"type": "boolean"},
                "bver": {"type": "integer", "maximum": 10},
            },
        },
    },
    "GatewayReadings": {
        "description": "The native forms; a gateway's dialect may be another one, see "
        "docs/connect-a-gateway.md.",
        "oneOf": [
            {"$ref": "#/components/schemas/ReadingsObject"},
            {"type": "array", "items": {"$ref": "#/components/schemas/ReadingsObject"}},
        ],
    },
    "GatewayStatus": {
        "type": "object",
        "required": ["state"],
        "properties": {
            "state": {"enum": ["online", "offline"]},
            "ts": {"$ref": "#/components/schemas/Stamp"},
        },
    },
    "GatewayReplies": {
        "type": "object",
        "required": ["ts", "accepted", "rejected"],
        "properties": {
            "ts": {"type": "integer"},
            "accepted": {"type": "integer"},
            "rejected": {"type": "array", "items": {"type": "object"}},
            "corrected": {"type": "array", "items": {"type": "object"}},
        },
    },
}
_EXAMPLES: Final[dict[str, Any]] = {
    "SnapshotEndFrame": {"op": "snapshot_end", "sub": "a", "offset": 4709},
    "GatewayReadings": {"ts": 1763712000120, "values": {"TK101.LT": 3.21, "TK101.PT": 0.18}},
    "GatewaySenml": [{"bn": "TK101.", "bt": 1763712000.12, "bu": "kPa", "n": "PT", "v": 18.2}],
    "GatewayStatus": {"state": "online", "ts": 1763712000120},
    "Subscribe": {"op": "subscribe", "sub": "a", "filter": {"region": "5106"}, "from": "snapshot"},
    "EventFrame": {
        "op": "event",
        "sub": "a",
        "offset": 4712,
        "prev": 4709,
        "redelivered": False,
        "event": examples.CLOUD_EVENT,
    },
    "UrgentFrame": {"op": "urgent", "sub": "a", "offset": 4800, "event": examples.CLOUD_EVENT},
}


def document(*, version: str, topic_prefix: str = "fengsui/v1") -> dict[str, Any]:
    """Return the document for this server."""
    known = {**schemas.components(), **_GATEWAY}
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    used: set[str] = set()

    def channel(
        name: str, address: str, server: str, takes: tuple[str, ...], gives: tuple[str, ...]
    ) -> None:
        used.update(takes + gives)
        channels[name] = {
            "address": address,
            "servers": [{"$ref": f"#/servers/{server}"}],
            "messages": {
                message: {"$ref": f"#/components/messages/{message}"} for message in takes + gives
            },
        }
        if "{gateway}" in address:
            channels[name]["parameters"] = {"gateway": {"description": "The gateway's id."}}
        for action, messages in (("receive", takes), ("send", gives)):
            if messages:
                operations[f"{action}_{name}"] = {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{name}"},
                    "messages": [
                        {"$ref": f"#/channels/{name}/messages/{message}"} for message in messages
                    ],
                }

    topic = topic_prefix + "/{gateway}"
    channel("readings", f"{topic}/readings", "mqtt", ("GatewayReadings",), ())
    channel("history", f"{topic}/history", "mqtt", ("GatewayReadings",), ())
    channel("senml", f"{topic}/senml", "mqtt", ("GatewaySenml",), ())
    channel("status", f"{topic}/status", "mqtt", ("GatewayStatus",), ())
    channel("replies", f"{topic}/replies", "mqtt", (), ("GatewayReplies",))
    channel("alarms", "/ws/v1/alarms", "websocket", _CLIENT, tuple(frame_schemas.ALARM_FRAMES))
    shown = ("WatchingFrame", "PayloadFrame", "GoawayFrame", "ErrorFrame")
    channel("payloads", "/ws/v1/gateways/{gateway}/payloads", "websocket", ("Auth",), shown)
    values = (*frame_schemas.VALUE_FRAMES, "GoawayFrame", "ErrorFrame")
    channel("values", "/ws/v1/values", "websocket", _VALUE_CLIENT, values)
    above = (*relay_schemas.ABOVE, "GoawayFrame", "ErrorFrame")
    channel("relay", relay_frames.PATH, "websocket", relay_schemas.BELOW, above)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Fengsui",
            "version": version,
            "description": "Readings of gateways in, tiered alarms out. Sub-protocols: "
            f"`{frames.ALARM_PROTOCOL}`, `{frames.VALUE_PROTOCOL}`, `{frames.PAYLOAD_PROTOCOL}`, "
            f"`{relay_frames.PROTOCOL}`.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "mqtt": {"host": "broker:1883", "protocol": "mqtt"},
            "websocket": {"host": "server:8000", "protocol": "ws"},
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {name: _message(name) for name in sorted(used)},
            "schemas": known,
        },
    }


def _message(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "payload": {"$ref": f"#/components/schemas/{name}"}}
    if name in _EXAMPLES:
        found["examples"] = [{"payload": _EXAMPLES[name]}]
    if name == "EventFrame":
        of_warning = _EXAMPLES[name] | {"event": warning_schemas.EVENT_EXAMPLE}
        found["examples"].append({"payload": of_warning})
    return found
