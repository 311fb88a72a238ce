"""Storage, pipeline and broker against real servers."""
