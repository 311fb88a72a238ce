"""The published edges: payloads, frames, schemas."""
