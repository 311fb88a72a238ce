"""Measures early warning on recorded public feeds, by the protocol that stands beside them."""
