from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from peering_with_dbt.story.errors import StoryError
from peering_with_dbt.story.processes import Processes

# A child in a session of its own that ignores SIGTERM, as a command of Airflow's BashOperator may.
STUBBORN_GRANDCHILD = """
import subprocess, sys, time
subprocess.Popen(
    [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"],
    start_new_session=True,
)
time.sleep(600)
"""


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TEST_FOLDER": str(folder)}


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_nothing_outlives_the_context(tmp_path: Path, left_behind: Callable[[], list[str]]) -> None:
    with Processes(tmp_path) as processes:
        server = processes.start("stubborn", python(STUBBORN_GRANDCHILD), environment(tmp_path))
        processes.wait_until(lambda: len(left_behind()) == 2, "the grandchild lives", 20, server.log)

    assert left_behind() == []


def test_nothing_outlives_an_error(tmp_path: Path, left_behind: Callable[[], list[str]]) -> None:
    def play() -> None:
        with Processes(tmp_path) as processes:
            processes.start("sleeper", python("import time; time.sleep(600)"), environment(tmp_path))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play()

    assert left_behind() == []


def test_a_server_ends_when_its_parent_is_killed(
    tmp_path: Path, left_behind: Callable[[], list[str]]
) -> None:
    code = (
        "import os, pathlib, sys, time\n"
        "from peering_with_dbt.story.processes import Processes\n"
        "folder = pathlib.Path(os.environ['TEST_FOLDER'])\n"
        "with Processes(folder) as processes:\n"
        "    processes.start('sleeper', [sys.executable, '-c', 'import time; time.sleep(600)'], os.environ)\n"
        "    (folder / 'started').touch()\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen(python(code), env=environment(tmp_path)) as parent:
        wait_for((tmp_path / "started").exists)
        parent.kill()

    wait_for(lambda: left_behind() == [])


def test_a_server_that_is_killed_takes_along_what_it_started_and_is_not_missed(
    tmp_path: Path, left_behind: Callable[[], list[str]]
) -> None:
    code = STUBBORN_GRANDCHILD.replace("start_new_session=True", "start_new_session=False")
    with Processes(tmp_path) as processes:
        server = processes.start("stubborn", python(code), environment(tmp_path))
        processes.wait_until(lambda: len(left_behind()) == 2, "the grandchild lives", 20, server.log)

        processes.kill(server)

        processes.wait_until(lambda: left_behind() == [], "both are gone", 20, server.log)


def test_a_server_that_ends_early_is_named_with_its_log(tmp_path: Path) -> None:
    def play(processes: Processes) -> None:
        server = processes.start(
            "early", python("print('why it ended'); raise SystemExit(3)"), dict(os.environ)
        )
        processes.wait_until(lambda: False, "never", 20, server.log)

    with (
        Processes(tmp_path) as processes,
        pytest.raises(StoryError, match="early ended with exit code 3") as error,
    ):
        play(processes)

    assert error.value.log is not None
    assert "why it ended" in error.value.log.read_text()


def test_what_does_not_come_true_in_time_is_named(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes, pytest.raises(StoryError, match="Not so after 0 s: pigs fly"):
        processes.wait_until(lambda: False, "pigs fly", 0, tmp_path / "sky.log")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        pytest.param("raise SystemExit(2)", "job ended with exit code 2", id="failed"),
        pytest.param("import time; time.sleep(60)", "job did not end within", id="too-slow"),
    ],
)
def test_a_command_that_does_not_succeed_is_named(tmp_path: Path, code: str, message: str) -> None:
    with Processes(tmp_path) as processes:
        job = processes.start("job", python(code), dict(os.environ))
        with pytest.raises(StoryError, match=message):
            processes.finish(job, 2)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
