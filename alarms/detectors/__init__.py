"""Detectors: one file, one question, numpy columns in and out."""
