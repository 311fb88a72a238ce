"""Simulated and recorded gateways that speak to a real broker."""
