"""How often a law is tried: here often enough to see it broken, by hand as often as one likes.

The longer run, by hand: `FENGSUI_TEST_LAWS=20 python -m pytest --timeout 3600 tests/unit` tries
each twenty times as often.
"""

import os
from typing import Final

from hypothesis import settings

TIMES: Final = int(os.environ.get("FENGSUI_TEST_LAWS", "1"))


def tried(examples: int) -> settings:
    """Try a law with so many examples, however long each takes."""
    return settings(max_examples=examples * TIMES, deadline=None)
