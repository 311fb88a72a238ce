"""The project's own measurements, each beside the bare measure of the same machine and run."""
