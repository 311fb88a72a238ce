"""Where the console's built files lie."""

from importlib import resources
from pathlib import Path


def folder() -> Path:
    """Return the folder of the built console, which may not be there yet."""
    return Path(str(resources.files("dashboards"))) / "console" / "dist"
