"""Logs of the server's processes: one line an event on standard error."""

import logging
import sys
import time


def configure(process: str) -> None:
    """Send this process's log to standard error, each line with UTC time and the process's name."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(
        f"%(asctime)s.%(msecs)03dZ {process} %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("yoyo").setLevel(logging.WARNING)  # it tells every step of a migration
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells every delivery's address
