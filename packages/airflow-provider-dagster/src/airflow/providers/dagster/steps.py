"""Work with Dagster as a row of steps, which a worker takes one way and a triggerer another."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow.providers.dagster.async_client import AsyncDagsterClient
from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import DagsterError
from airflow.providers.dagster.exchange import Call
from airflow.providers.dagster.ports import AsyncClock, Clock

__all__ = ["Pause", "Step", "Steps", "take", "take_async"]

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """Let so many seconds go by."""

    seconds: float


Step = Call[Any] | Pause
Steps = Generator[Step, Any, T]
"""Yields calls, for their answers or errors, and pauses; returns what the work comes to."""


def take(steps: Steps[T], dagster: DagsterClient, clock: Clock) -> T:
    """Take all steps, one after the other.

    Args:
        steps: The steps.
        dagster: The Dagster instance.
        clock: The clock to wait by.

    Returns:
        What they come to.
    """
    try:
        step = next(steps)
        while True:
            if isinstance(step, Pause):
                clock.sleep(step.seconds)
                step = next(steps)
                continue
            try:
                answer = dagster.ask(step)
            except DagsterError as error:
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        return end.value


async def take_async(steps: Steps[T], dagster: AsyncDagsterClient, clock: AsyncClock) -> T:
    """Take all steps, one after the other, and let others run meanwhile.

    Args:
        steps: The steps.
        dagster: The Dagster instance.
        clock: The clock to wait by.

    Returns:
        What they come to.
    """
    try:
        step = next(steps)
        while True:
            if isinstance(step, Pause):
                await clock.pause(step.seconds)
                step = next(steps)
                continue
            try:
                answer = await dagster.ask(step)
            except DagsterError as error:
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        return end.value
