"""Whether all that ended in an Airflow instance is in Dagster, as an asset check: how late it is, what was set aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetChecksDefinition,
    AssetCheckSpec,
    DagsterInstance,
    MetadataValue,
    TimestampMetadataValue,
)

from dagster_airlift_core import _dagster_private
from dagster_airlift_core.checks import Verdict, untold
from dagster_airlift_core.handles import dagster_name
from dagster_airlift_core.keys import instance_asset_key
from dagster_airlift_core.observed import Observed
from dagster_airlift_core.observed_checks import observed_checks

LATE_AFTER = timedelta(minutes=10)
"""A reading that takes longer than this to come to its end is told of."""
_MINUTES = LATE_AFTER // timedelta(minutes=1)
_NAME = "airflow_observed"
_SET_ASIDE = "Set Aside"
_SHOWN = 20
_MAX_REASON = 300


def observation_check(instance: str) -> Sequence[AssetChecksDefinition]:
    """Return the check of an Airflow instance; a run of it repeats what the sensor told last.

    Args:
        instance: Name of the Airflow instance.
    """
    key = _key(instance)
    description = (
        "Whether everything that ended in Airflow is in Dagster. The sensor tells when that changes: it warns when it is "
        f"more than {_MINUTES} minutes late, and while something is set aside."
    )
    spec = AssetCheckSpec(key.name, asset=key.asset_key, description=description)
    return observed_checks(f"{dagster_name(instance)}__{_NAME}", [spec])


def observation_news(
    log: DagsterInstance, instance: str, observed: Observed, *, has_swept: bool
) -> Sequence[AssetCheckEvaluation]:
    """Return what a tick has to tell of the check, nothing when that is known.

    What was set aside is out of sight between two passes over the last two days: it is well again only after
    one of them.

    Args:
        log: Where evaluations are stored.
        instance: Name of the Airflow instance.
        observed: What the tick found.
        has_swept: Whether a pass over the last two days came to its end with it.
    """
    verdict = observation_verdict(instance, observed)
    if verdict.passed and not has_swept:
        last = _dagster_private.latest_evaluations(log, [verdict.check]).get(verdict.check)
        if last and _SET_ASIDE in last.metadata:
            return ()
    return untold(log, [verdict])


def observation_verdict(instance: str, observed: Observed) -> Verdict:
    """Return the outcome of the check after a tick.

    Args:
        instance: Name of the Airflow instance.
        observed: What the tick found.
    """
    lag, upto = observed.cursor.lag(observed.server_time), observed.cursor.watermark
    complaints: list[str] = []
    metadata: dict[str, str | float | MetadataValue[Any]] = {"Lag Seconds": lag.total_seconds()}
    if upto:
        metadata["Read Up To"] = TimestampMetadataValue(upto.timestamp())
    if lag > LATE_AFTER:
        read = (
            f"all is read that changed up to {upto:%Y-%m-%d %H:%M:%S}Z"
            if upto
            else "nothing was read to its end yet"
        )
        complaints.append(f"More than {_MINUTES} minutes late: {read}. The sensor goes on from there.")
    if observed.set_aside:
        shown = [one[:_MAX_REASON] for one in observed.set_aside[:_SHOWN]]
        metadata[_SET_ASIDE] = MetadataValue.json(shown)
        metadata["Number Set Aside"] = len(observed.set_aside)
        complaints.append(
            f"Set aside, and tried again once an hour for two days: {'; '.join(one.partition(':')[0] for one in shown)}."
        )
    good = f"Everything that ended in the Airflow instance {instance!r} is in Dagster."
    return Verdict(
        _key(instance),
        passed=not complaints,
        reason=" ".join(complaints) or good,
        metadata=metadata,
        is_warning=True,
    )


def _key(instance: str) -> AssetCheckKey:
    return AssetCheckKey(instance_asset_key(instance), _NAME)
