"""`fengsui bench decode` measures every dialect, set and seen, beside a bare parse."""

import json

from click.testing import CliRunner

from alarms.plant import DIALECTS
from fengsui.commands.bench import command


def test_bench_decode_measures_every_dialect_beside_a_bare_parse() -> None:
    asked = ["decode", "--per-message", "10", "--seconds", "0.001", "--json"]
    ran = CliRunner().invoke(command, asked)
    assert ran.exit_code == 0, ran.output
    results = json.loads(ran.output)["results"]
    assert set(results) == {
        f"decode_{dialect}{way}_readings_per_s"
        for dialect in DIALECTS
        for way in ("", "_seen", "_single")
    }
    for name, result in results.items():
        assert result["ratio"] == result["value"] / result["limit"], name
        assert result["value"] > 0, name
