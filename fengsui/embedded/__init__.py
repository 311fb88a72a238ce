"""The servers this product brings along: PostgreSQL and an MQTT broker, in the data directory."""

from fengsui.embedded.hosting import Served, broker_url, servers

__all__ = ["Served", "broker_url", "servers"]
