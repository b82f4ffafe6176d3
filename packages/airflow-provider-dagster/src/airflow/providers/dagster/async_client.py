"""The one place that speaks HTTP to Dagster without blocking, for what runs in Airflow's triggerer."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import httpx

from airflow.providers.dagster.exchange import Call, DagsterAddress, Exchange

__all__ = ["AsyncDagsterClient"]

T = TypeVar("T")


class AsyncDagsterClient:
    """Makes the calls that `DagsterClient` makes, in an event loop that others use too.

    Args:
        exchange: What to send, and what to make of the answers.
        http: The client of httpx; `open` makes both.
    """

    def __init__(self, exchange: Exchange, http: httpx.AsyncClient) -> None:
        self.address = exchange.address
        self._exchange = exchange
        self._http = http

    @classmethod
    async def open(cls, address: DagsterAddress) -> AsyncDagsterClient:
        """Open a client; the caller closes it.

        Args:
            address: Where Dagster is.

        Returns:
            The client.

        Raises:
            OSError: The bundle of certificates cannot be read.
        """
        exchange = Exchange(address)
        # In a thread, for it reads certificates from the disk.
        http = await asyncio.to_thread(lambda: httpx.AsyncClient(**exchange.options))
        return cls(exchange, http)

    async def close(self) -> None:
        """Give the sockets back."""
        await self._http.aclose()

    async def ask(self, call: Call[T]) -> T:
        """Make a call, once.

        Raises:
            DagsterApiError: Dagster does not answer, or not with what was asked for.
            DagsterRunDeleted: The run that the call is about is gone.
        """
        body = bytearray()
        try:
            async with self._http.stream("POST", self._exchange.endpoint, json=call.payload) as response:
                async for chunk in response.aiter_bytes():
                    self._exchange.collect(body, chunk, response)
        except httpx.TransportError as error:
            self._exchange.broke_off(error)
        return self._exchange.granted(call, self._exchange.answer(call, response, bytes(body)))
