"""How long one goes on asking an Airflow that does not answer, and how often one looks at something that lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from dagster_airlift_core.errors import AirflowPayloadError, AirflowUnreachable

Value = TypeVar("Value")

FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
NO_ANSWER = (AirflowUnreachable, AirflowPayloadError)
"""What passes: nobody there, or only something before it that answers in its stead."""


@dataclass(frozen=True)
class Patience:
    """Asks again until there is an answer, or there has been none for too long.

    Args:
        outage_seconds: After so many seconds without an answer it is given up.
        tell: Is told, once in an outage, that there is no answer.
        sleep: Waits that many seconds.
        clock: Seconds of a clock that never goes back.
    """

    outage_seconds: float
    tell: Callable[[str], object]
    sleep: Callable[[float], object] = field(default=time.sleep)
    clock: Callable[[], float] = field(default=time.monotonic)

    def ask(self, question: Callable[[], Value]) -> Value:
        """Return the answer to a question that may be asked as often as one likes.

        Args:
            question: Asks.

        Raises:
            AirflowApiError: There was none in time, or a refusal.
        """
        pauses = self.pauses(_LONGEST_PAUSE)
        until = self.clock() + self.outage_seconds
        while True:
            try:
                return question()
            except NO_ANSWER as error:
                self.give_up_after(until, error)
            self.sleep(next(pauses))

    def give_up_after(self, until: float, error: AirflowUnreachable | AirflowPayloadError) -> None:
        """Tell of an error, and raise it once the time is up.

        Args:
            until: When it is up.
            error: Why there is no answer.
        """
        if self.clock() >= until:
            raise error
        self.tell(f"{error} Asking on for {until - self.clock():.0f} s.")

    @staticmethod
    def pauses(longest: float) -> Iterator[float]:
        """Yield how long to wait, each time twice as long.

        Args:
            longest: Seconds that no pause is longer than.
        """
        pause = min(FIRST_PAUSE, longest)
        while True:
            yield pause
            pause = min(pause * 2, longest)
