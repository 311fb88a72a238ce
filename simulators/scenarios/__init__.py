"""Scenarios: one plant each, with a quiet period and an incident."""
