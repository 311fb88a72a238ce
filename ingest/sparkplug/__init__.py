"""Sparkplug B edge nodes as gateways: names, births, sessions and the host's own state."""
