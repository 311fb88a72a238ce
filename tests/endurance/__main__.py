"""Prove it the long way: `python -m tests.endurance --scenario kills --broker rabbitmq`.

Real servers under load are killed, filled, taken away; at the end every acknowledged reading must
be stored exactly once, and every listener must have heard the whole journal. Progress goes to
standard error, the result as JSON to standard output.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests import versions
from tests.endurance import backlog, scenarios, towers, watchers
from tests.endurance.scenarios import Run

SCENARIOS: Final[dict[str, Callable[[Run], dict[str, Any]]]] = {
    "kills": scenarios.kills,
    "full-queue": scenarios.full_queue,
    "outage": scenarios.outage,
    "backlog": backlog.replay,
    "watchers": watchers.watched,
    "towers": towers.relayed,
}


def main() -> int:
    """Run one scenario; return 1 where something was lost, doubled or is wrong."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--scenario", choices=SCENARIOS, default="kills")
    asked.add_argument("--broker", choices=("mosquitto", "rabbitmq"), default="mosquitto")
    asked.add_argument("--mosquitto-root", type=Path, help="folder of another Debian's Mosquitto")
    asked.add_argument("--kills", type=int, default=100)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--outage-s", type=float, default=600.0)
    asked.add_argument("--backlog-h", type=float, default=24.0)
    asked.add_argument("--topic", choices=("history", "readings"), default="history")
    asked.add_argument("--seconds", type=float, default=600.0)
    words = asked.parse_args()
    run = Run(
        broker=words.broker,
        mosquitto_root=words.mosquitto_root,
        seed=words.seed,
        kills=words.kills,
        outage_s=words.outage_s,
        backlog_h=words.backlog_h,
        topic=words.topic,
        seconds=words.seconds,
    )
    began = time.monotonic()
    found = SCENARIOS[words.scenario](run)
    whole = {
        "scenario": words.scenario,
        **run._asdict(),
        "servers": versions.line(),
        "took_s": round(time.monotonic() - began),
        **found,
    }
    sys.stdout.write(json.dumps(whole, ensure_ascii=False, indent=1, default=str) + "\n")
    return 0 if found["sound"] else 1


if __name__ == "__main__":
    sys.exit(main())
