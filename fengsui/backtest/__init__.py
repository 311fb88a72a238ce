"""The back-test: the live engine over recorded readings, without server or database."""
