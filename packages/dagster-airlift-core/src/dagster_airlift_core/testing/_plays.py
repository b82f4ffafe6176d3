"""What happens in the DAG runs that are triggered in the fake Airflow, step by step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

Step: TypeAlias = Callable[[str], object]


class Plays:
    """The steps of DAG runs; one happens whenever somebody looks at the run."""

    def __init__(self) -> None:
        self._plays: dict[str, tuple[Step, ...]] = {}
        self._playing: dict[tuple[str, str], deque[Step]] = {}

    def plays(self, dag_id: str, *steps: Step) -> None:
        """Say what happens in each run of a DAG that is triggered: a step whenever somebody looks at the run.

        Args:
            dag_id: DAG id.
            steps: Each is called with the DAG run id; one that returns False is called again.
        """
        self._plays[dag_id] = steps

    def begin(self, dag_id: str, run_id: str) -> None:
        """Have the steps of a triggered run begin.

        Args:
            dag_id: DAG id.
            run_id: DAG run id.
        """
        self._playing[dag_id, run_id] = deque(self._plays.get(dag_id, ()))

    def play(self, dag_id: str, run_id: str) -> None:
        """Let the next step of a triggered run happen, if it has one left.

        Args:
            dag_id: DAG id.
            run_id: DAG run id.
        """
        steps = self._playing.get((dag_id, run_id))
        if steps and steps[0](run_id) is not False:
            steps.popleft()
