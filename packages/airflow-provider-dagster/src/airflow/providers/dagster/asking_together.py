"""Asking for assets and for what decides their partition in one go, where Dagster can answer that."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import DagsterApiError
from airflow.providers.dagster.exchange import Call
from airflow.providers.dagster.partition_questions import NO_PARTITION, PartitionQuestion
from airflow.providers.dagster.patience import Patience

__all__ = ["ask_together"]

T = TypeVar("T")

_ANSWERED_WITH_ERRORS = (200, 500)
"""HTTP status of an answer when a part of a question goes wrong."""


def ask_together(
    dagster: DagsterClient,
    patience: Patience,
    call_with: Callable[[PartitionQuestion], Call[T]],
    partition: PartitionQuestion,
) -> T:
    """Ask for assets together with what decides their partition; without it, where Dagster cannot answer that.

    That is so as soon as one of the assets is of a kind of partitions that has no windows, or no keys that follow one
    another: Dagster's answer is an error then.

    Args:
        dagster: The Dagster instance.
        patience: How long to ask it.
        call_with: Asks for the assets with a question about their partition.
        partition: The partition to ask for.

    Returns:
        The answer.

    Raises:
        DagsterApiError: Dagster cannot be asked.
    """
    if partition.is_asked:
        try:
            return patience.ask(lambda: dagster.ask(call_with(partition)), again_if=_may_pass)
        except DagsterApiError as error:
            if error.status not in _ANSWERED_WITH_ERRORS:
                raise
    return patience.ask(lambda: dagster.ask(call_with(NO_PARTITION)))


def _may_pass(error: DagsterApiError) -> bool:
    return error.transient and error.status not in _ANSWERED_WITH_ERRORS
