"""Payloads of gateways into columns: pure, no exception leaves a decoder."""
