"""Keeping what is made of a secret out of the logs, on a worker and in the triggerer's event loop."""

from __future__ import annotations

from collections.abc import Iterable

from airflow.providers.common.compat.sdk import mask_secret  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.version_compat import AIRFLOW_3_3

if AIRFLOW_3_3:
    from airflow.sdk.log import amask_secret
else:

    async def amask_secret(secret: str) -> None:
        """Mask it as a worker does: before 3.3 nobody else has to be told."""
        mask_secret(secret)


__all__ = ["mask", "mask_async"]


def mask(secrets: Iterable[str]) -> None:
    """Mask secrets in everything that this process logs.

    Args:
        secrets: The secrets.
    """
    for secret in secrets:
        mask_secret(secret)


async def mask_async(secrets: Iterable[str]) -> None:
    """Do the same without blocking the event loop, in which telling Airflow of it could wait for itself.

    Args:
        secrets: The secrets.
    """
    for secret in secrets:
        await amask_secret(secret)
