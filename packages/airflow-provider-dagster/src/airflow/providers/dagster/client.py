"""The one place that speaks HTTP to Dagster and waits: a call goes out, a frozen value comes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import httpx

from airflow.providers.dagster import calls
from airflow.providers.dagster.exceptions import DagsterLaunchRefused
from airflow.providers.dagster.exchange import MAX_BYTES, Call, DagsterAddress, Exchange, is_loopback
from airflow.providers.dagster.model import CodeLocation, Failure, Materialized, Refusal, Run, Work

__all__ = ["MAX_BYTES", "DagsterAddress", "DagsterClient", "is_loopback"]

T = TypeVar("T")

_FAILURE_PAGES = 20


class DagsterClient:
    """Asks one Dagster instance questions and gives it orders; every call is made once.

    Args:
        address: Where Dagster is.
    """

    def __init__(self, address: DagsterAddress) -> None:
        self.address = address
        self._exchange = Exchange(address)
        self._http = httpx.Client(**self._exchange.options)

    def close(self) -> None:
        """Give the sockets back."""
        self._http.close()

    def ask(self, call: Call[T]) -> T:
        """Make a call.

        Raises:
            DagsterApiError: Dagster does not answer, or not with what was asked for.
            DagsterRunDeleted: The run that the call is about is gone.
        """
        return self._exchange.granted(call, self._answer(call))

    def version(self) -> str:
        """Ask for Dagster's version, the cheapest question there is."""
        return self.ask(calls.version())

    def locations(self) -> tuple[CodeLocation, ...]:
        """Ask for all code locations."""
        return self.ask(calls.locations())

    def broken_locations(self) -> tuple[CodeLocation, ...]:
        """Ask for the code locations that are not loaded."""
        return tuple(location for location in self.locations() if location.problem)

    def runs(self, tags: Mapping[str, str]) -> tuple[Run, ...]:
        """Ask for the runs, oldest first, that carry all of these tags."""
        return self.ask(calls.runs(tags))

    def run(self, run_id: str) -> Run:
        """Ask for one run.

        Raises:
            DagsterRunDeleted: There is no such run.
        """
        return self.ask(calls.run(run_id))

    def materialized(self, run_id: str) -> tuple[Materialized, ...]:
        """Ask for the assets that a run has materialized, and the values that they publish."""
        return self.ask(calls.materialized(run_id))

    def failure(self, run_id: str) -> Failure:
        """Ask why a run failed: its failed steps with their errors, and what ended the run."""
        cursor, reason = None, ""
        for _ in range(_FAILURE_PAGES):
            page = self.ask(calls.events(run_id, cursor))
            if page.failed_steps:
                return Failure(page.failed_steps, "; ".join(map(str, page.failed_steps)))
            reason = page.run_failure or reason
            cursor = page.cursor
            if not page.has_more:
                break
        return Failure((), reason or "Dagster gives no reason")

    def launch(self, work: Work, tags: Mapping[str, str]) -> Run:
        """Launch one run. Not idempotent: never call it twice unthinkingly.

        Raises:
            DagsterLaunchRefused: Dagster said no; there is no run.
            DagsterApiError: There may be a run, unless `delivered` is false.
        """
        call = calls.launch(work, tags)
        answer = self._answer(call)
        # A PythonError is no refusal: Dagster stumbled, perhaps after it had stored the run.
        if isinstance(answer, Refusal) and answer.type_name != "PythonError":
            raise DagsterLaunchRefused(
                f"Dagster at {self.address.url} does not launch a run of {work.name} in code location "
                f"{work.location!r}: {answer.message} ({answer.type_name})."
            )
        return self._exchange.granted(call, answer)

    def terminate(self, run_id: str) -> None:
        """Terminate a run; one that has ended already is as good as terminated."""
        self.ask(calls.terminate(run_id))

    def _answer(self, call: Call[T]) -> T | Refusal:
        body = bytearray()
        try:
            with self._http.stream("POST", self._exchange.endpoint, json=call.payload) as response:
                for chunk in response.iter_bytes():
                    self._exchange.collect(body, chunk, response)
        except httpx.TransportError as error:
            self._exchange.broke_off(error)
        return self._exchange.answer(call, response, bytes(body))
