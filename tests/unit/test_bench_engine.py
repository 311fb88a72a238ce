"""`fengsui bench engine` prints the document of contracts.md section 8."""

import json

from click.testing import CliRunner

from fengsui.commands.bench import command


def test_bench_engine_prints_its_three_results_beside_the_plain_engine() -> None:
    asked = ["engine", "--points", "50", "--readings", "2000", "--restless", "0.5", "--json"]
    ran = CliRunner().invoke(command, asked)
    assert ran.exit_code == 0, ran.output
    document = json.loads(ran.output)
    assert set(document) == {"machine", "versions", "workload", "results"}
    results = document["results"]
    assert set(results) == {
        "engine_readings_per_s",
        "engine_bytes_per_point",
        "engine_restart_s",
    }
    speed = results["engine_readings_per_s"]
    assert speed["ratio"] == speed["value"] / speed["limit"]
    assert "limit" not in results["engine_restart_s"]
    assert document["workload"]["events"] > 0
