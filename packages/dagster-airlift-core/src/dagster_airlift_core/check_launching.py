"""The sensor that runs the asset checks of the user's own once their assets were materialized in Airflow."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from dagster import (
    AssetCheckKey,
    AssetChecksDefinition,
    AssetCheckSpec,
    AssetKey,
    AssetSelection,
    DagsterInstance,
    DefaultSensorStatus,
    Definitions,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
)

from dagster_airlift_core.batches import batches
from dagster_airlift_core.events import INSTANCE_LABEL
from dagster_airlift_core.handles import dagster_name
from dagster_airlift_core.mapping import AssetMapping
from dagster_airlift_core.observed_checks import is_observed

ChecksByAsset: TypeAlias = Mapping[AssetKey, frozenset[AssetCheckKey]]
_Seen: TypeAlias = dict[str, int]
_AT_ONCE = 500


@dataclass(frozen=True)
class _Latest:
    """The latest materialization of an asset.

    Args:
        number: Its number, larger than that of each one before it; 0 for none.
        is_observed: Whether it came from Airflow; what Dagster ran has had its checks with it.
    """

    number: int = 0
    is_observed: bool = False


_NONE = _Latest()


def launchable_checks(defs: Definitions, mapping: AssetMapping) -> ChecksByAsset:
    """Return the checks to run when an asset was materialized, for each asset that has such checks.

    Left out are checks that are a part of their asset's own step, that have partitions or an automation condition of
    their own, and that something else evaluates. A step that cannot be split is run as a whole.

    Args:
        defs: Your definitions.
        mapping: What Airflow materializes.
    """
    of_handles = (*mapping.tasks.values(), *mapping.dags.values())
    mapped = {*(key for keys in of_handles for key in keys), *mapping.uris.values()}
    found: dict[AssetKey, set[AssetCheckKey]] = defaultdict(set)
    for step in {id(one): one for one in (*(defs.asset_checks or ()), *(defs.assets or ()))}.values():
        if not isinstance(step, AssetChecksDefinition) or not step.is_executable:
            continue
        wanted = {spec.key for spec in step.check_specs if _is_wanted(spec)}
        if not step.can_subset and len(wanted) < len(list(step.check_specs)):
            continue
        for key in wanted:
            if key.asset_key in mapped:
                found[key.asset_key] |= {key} if step.can_subset else wanted
    return {key: frozenset(checks) for key, checks in found.items()}


def _is_wanted(spec: AssetCheckSpec) -> bool:
    return not is_observed(spec) and spec.automation_condition is None and spec.partitions_def is None


def checks_sensor(
    instance: str,
    checks: ChecksByAsset,
    *,
    minimum_interval_seconds: int,
    default_status: DefaultSensorStatus,
) -> SensorDefinition:
    """Return the sensor that runs checks of assets after they were materialized in an Airflow instance.

    It is one of its own: a run that cannot be launched fails the tick, and events are not to be stored twice for that.

    Args:
        instance: Name of the Airflow instance.
        checks: The checks of each asset, at least one.
        minimum_interval_seconds: Seconds between two ticks.
        default_status: Whether the sensor runs before anyone has switched it on.
    """
    every = frozenset[AssetCheckKey]().union(*checks.values())

    def evaluate(context: SensorEvaluationContext) -> SensorResult:
        before = _seen(context.cursor)
        found = _latest(context.instance, instance, checks)
        latest = {key: found.get(key, _NONE) for key in checks}
        now = {key.to_string(): one.number for key, one in latest.items()}
        new = [
            key
            for key, one in latest.items()
            if one.is_observed and one.number > before.get(key.to_string(), one.number)
        ]
        cursor = json.dumps({**before, **now})
        if not new:
            return SensorResult(
                cursor=cursor, skip_reason="Nothing was materialized in Airflow that has checks to run."
            )
        request = RunRequest(
            run_key=_digest(sorted((key.to_string(), now[key.to_string()]) for key in new)),
            asset_check_keys=sorted({check for key in new for check in checks[key]}),
        )
        return SensorResult(run_requests=[request], cursor=cursor)

    return SensorDefinition(
        name=f"{dagster_name(instance)}__airflow_checks_sensor",
        evaluation_fn=evaluate,
        asset_selection=AssetSelection.checks(*sorted(every)),
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        description=f"Runs the checks of assets that were materialized in the Airflow instance {instance}.",
    )


def _latest(log: DagsterInstance, instance: str, keys: Iterable[AssetKey]) -> Mapping[AssetKey, _Latest]:
    found: dict[AssetKey, _Latest] = {}
    for some in batches(list(keys), _AT_ONCE):
        for record in log.get_asset_records(some):
            entry = record.asset_entry
            last = entry.last_materialization_record
            event = last.asset_materialization if last else None
            label = event.metadata.get(INSTANCE_LABEL) if event else None
            is_observed = (
                last is not None and not last.run_id and label is not None and label.value == instance
            )
            found[entry.asset_key] = _Latest(entry.last_materialization_storage_id or 0, is_observed)
    return found


def _seen(cursor: str | None) -> _Seen:
    """Return the latest materializations that earlier ticks saw; a cursor of another kind counts as none."""
    try:
        read: Any = json.loads(cursor or "{}")
        return {str(key): int(number) for key, number in cast("Mapping[str, Any]", read).items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _digest(of: Sequence[tuple[str, int]]) -> str:
    return hashlib.sha256(json.dumps(of).encode()).hexdigest()[:32]
