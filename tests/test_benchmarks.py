"""The benchmarks, small: they measure whom they say, and their counts are those of the servers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def results(script: str, out: Path) -> dict[str, Any]:
    """Run a benchmark, and return what it wrote."""
    command = [sys.executable, str(ROOT / "benchmarks" / f"{script}.py"), "--quick", "--out", str(out)]
    subprocess.run(command, check=True, timeout=300)
    return json.loads((out / f"{script}.json").read_text())


def test_every_subject_of_the_peering_benchmark_loads_the_same_airflow(tmp_path: Path) -> None:
    out = tmp_path / "benchmarks"

    loads = {(load["subject"], load["api"]): load for load in results("peering", out)["loads"]}

    assert not [load["error"] for load in loads.values() if load["error"]]
    assert loads["ours", "v1"]["assets"] == loads["ours", "v2"]["assets"]
    (fetched,) = (load for (subject, api), load in loads.items() if "fetch" in subject and api == "v2")
    assert loads["ours", "v2"]["requests"] >= fetched["requests"]
    assert loads["ours, snapshot", "v2"]["requests"] == 0
    assert "| 20 | 5 ms | ours /api/v2 |" in (tmp_path / "benchmarks.md").read_text()
    assert (out / "peering-wall.svg").read_text().count("<polyline") > 1


def test_the_benchmark_of_observing_counts_every_event_of_the_same_runs(tmp_path: Path) -> None:
    out = tmp_path / "benchmarks"

    found = {(one["tool"], one["api"]): one for one in results("observing", out)["observations"]}

    assert set(found) == {("ours", "v1"), ("ours", "v2"), ("peer", "v1")}
    for one in found.values():
        assert (one["error"], one["lost"], one["duplicates"], one["run_requests"]) == ("", 0, 0, 0)
        assert (
            one["events"] == 3 * 11 + 1
        )  # of ten tasks and the DAG each, and one of the runs writes an asset
    # Task instances, DAG runs, and updates of Airflow's assets, of which there are some.
    assert found["ours", "v1"]["idle_requests"] == found["ours", "v2"]["idle_requests"] == 3
    assert "| 5 | 57 | 3 | ours /api/v2 | 3 |" in (tmp_path / "benchmarks.md").read_text()


@pytest.mark.live
def test_the_launch_benchmark_counts_what_is_asked_before_a_run_is_ordered(tmp_path: Path) -> None:
    out = tmp_path / "benchmarks"

    launches = results("launching", out)["launches"]

    assert len(launches) == 2  # without partitions, and with a year of them
    for launch in launches:
        assert launch["is_launched"]
        assert 0 < launch["calls"] <= 2
        assert launch["answer_bytes"] > launch["calls"] * len('{"data": {}}')
        assert launch["assets"] > 20  # two DAGs of ten tasks
    assert "| ours | 1 of 1 |" in (tmp_path / "benchmarks.md").read_text()
