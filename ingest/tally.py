"""What ingest says of itself: a line a batch for who asks, a summary every ten seconds."""

import logging
from typing import Final

from ingest.pipeline import Outcome

EVERY_S: Final = 10.0


class Tally:
    """Adds batches up; speaks when something came since it last spoke."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._spoke = 0.0
        self._sums: dict[str, int] = {}

    def add(self, outcome: Outcome) -> None:
        """Add one committed batch."""
        counts = {
            "messages": outcome.messages,
            "fresh": outcome.fresh,
            "late": outcome.late,
            "duplicates": outcome.duplicates,
            "conflicts": outcome.conflicts,
            "refused": sum(entry.count for entry in outcome.refused),
            "events": outcome.events,
        }
        self._log.debug("batch %s", _words(counts))
        for name, count in counts.items():
            self._sums[name] = self._sums.get(name, 0) + count
        self._sums["batches"] = self._sums.get("batches", 0) + 1

    def speak(self, now_s: float) -> None:
        """Log the summary if it is time (a monotonic clock)."""
        if self._sums and now_s - self._spoke >= EVERY_S:
            self._log.info("ingested %s", _words(self._sums))
            self._sums = {}
            self._spoke = now_s


def _words(counts: dict[str, int]) -> str:
    return " ".join(f"{name}={count}" for name, count in counts.items())
