"""The long fuzz: `python -m tests.fuzz [--inputs N]` spoils goldens for every decoder in turn.

For each decoder it prints inputs per second, what raised or did not fit together, how many inputs
came to readings, and how far the process grew from the first tenth to the last.
"""

import argparse
import os
import resource
import sys
import time
import traceback
from itertools import islice

from alarms.plant import DIALECTS
from fengsui.bench.usage import resident_bytes
from ingest.decoders import choosing
from tests.captures import CAPTURED
from tests.dialects import GOLDEN, RECEIVED, sound
from tests.mutation import spoilt


def main() -> int:
    """Fuzz every decoder; return 1 where one failed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--inputs", type=int, default=500_000)
    asked.add_argument("--seed", type=int, default=1)
    words = asked.parse_args()
    failures = [fuzz(dialect, words.inputs, words.seed) for dialect in (None, *DIALECTS)]
    return 1 if any(failures) else 0


def fuzz(dialect: str | None, inputs: int, seed: int) -> int:
    """Give one decoder so many spoilt messages; return how many it failed at."""
    own = [one.payload for one in (*GOLDEN, *CAPTURED) if dialect in (None, one.dialect)]
    failures = readings = 0
    spent = 0.0
    resident = 0
    for number, payload in enumerate(islice(spoilt(own, seed), inputs)):
        began = time.perf_counter()
        try:
            decoded = choosing.decode(payload, RECEIVED, dialect)
            spent += time.perf_counter() - began
            sound(decoded)
            readings += bool(decoded.tags)
        except Exception:  # noqa: BLE001  # whatever a decoder raises is what is looked for
            failures += 1
            if failures <= 3:
                traceback.print_exc()
                sys.stderr.write(f"{dialect}: input {number} of seed {seed}: {payload!r}\n")
        if number == inputs // 10:
            resident = _resident()
    sys.stdout.write(
        f"{dialect or 'by shape':12} inputs={inputs} failures={failures} with_readings={readings} "
        f"inputs_per_s={inputs / spent:,.0f} grown_kib={_resident() - resident} "
        f"peak_mib={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}\n"
    )
    sys.stdout.flush()
    return failures


def _resident() -> int:
    """Return the process's resident memory in KiB."""
    return resident_bytes(os.getpid()) // 1024


if __name__ == "__main__":
    sys.exit(main())
