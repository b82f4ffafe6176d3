"""What is wrong between Dagster and an Airflow instance, as asset checks: an old snapshot, a mapping to what is gone."""

# Dagster looks at the annotation of a context itself, so it must not be put off (no __future__ import).
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    DagsterInstance,
    MetadataValue,
    multi_asset_check,
)

from dagster_airlift_core import _dagster_private
from dagster_airlift_core.check_steps import can_be_checked, in_steps
from dagster_airlift_core.handles import dagster_name
from dagster_airlift_core.keys import OBSERVED_CHECK, instance_asset_key
from dagster_airlift_core.loading import Loaded

_CURRENT = "airflow_snapshot_current"
_IS_CURRENT = (
    "Whether the definitions show what Airflow had when the code location was loaded, and not an older snapshot or none. "
    "Reload the code location when Airflow answers."
)
_IS_VALID = (
    "Whether Airflow has the tasks and DAGs that this asset is mapped to. It is there only while one is missing: "
    "correct the mapping, or bring the task or DAG back, and reload the code location."
)
_AT_ONCE = 100
"""Evaluations that one tick of the sensor stores."""


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check; it holds for as long as the definitions do.

    Args:
        check: The check.
        passed: Whether all is well.
        reason: What is wrong, and what to do; or what is well.
        metadata: Metadata of the evaluation.
        is_warning: Whether a failure is a warning and no error.
    """

    check: AssetCheckKey
    passed: bool
    reason: str
    metadata: Mapping[str, str | float | MetadataValue[Any]] = field(
        default_factory=dict[str, str | float | MetadataValue[Any]]
    )
    is_warning: bool = False

    @property
    def _severity(self) -> AssetCheckSeverity:
        return AssetCheckSeverity.WARN if self.is_warning else AssetCheckSeverity.ERROR

    @property
    def result(self) -> AssetCheckResult:
        """The outcome, for a run of the check."""
        return AssetCheckResult(
            passed=self.passed,
            asset_key=self.check.asset_key,
            check_name=self.check.name,
            description=self.reason,
            metadata=dict(self.metadata),
            severity=self._severity,
        )

    @property
    def evaluation(self) -> AssetCheckEvaluation:
        """The outcome, for the event log."""
        return AssetCheckEvaluation(
            asset_key=self.check.asset_key,
            check_name=self.check.name,
            passed=self.passed,
            description=self.reason,
            metadata=dict(self.metadata),
            severity=self._severity,
        )


def verdicts(instance: str, loaded: Loaded, drifted: Mapping[AssetKey, Sequence[str]]) -> Sequence[Verdict]:
    """Return the outcomes for an Airflow instance: one of its own, and one for each drifted asset that can have one.

    Args:
        instance: Name of the Airflow instance.
        loaded: What the definitions are built of.
        drifted: What is wrong with the mapping of each asset that has such a thing.
    """
    name = f"airflow_mapping_valid__{dagster_name(instance)}"
    return [
        _currency(instance, loaded),
        *(
            Verdict(AssetCheckKey(key, name), passed=False, reason=" ".join(sentences))
            for key, sentences in drifted.items()
            if can_be_checked(key)
        ),
    ]


def _currency(instance: str, loaded: Loaded) -> Verdict:
    check = AssetCheckKey(instance_asset_key(instance), _CURRENT)
    if loaded.snapshot is None:
        reason = (
            f"There is no snapshot of the Airflow instance {instance!r}: its DAGs are not shown. "
            f"{loaded.stale_because or ''} Reload the code location when Airflow answers."
        )
        return Verdict(check, passed=False, reason=reason, is_warning=True)
    since = f"{loaded.snapshot.taken_at:%Y-%m-%d %H:%M:%S}Z"
    if loaded.stale_because:
        reason = (
            f"Definitions show the Airflow instance {instance!r} as of {since}. {loaded.stale_because} "
            "Reload the code location when Airflow answers."
        )
        stale = {"Stale Since": since, "Reason": loaded.stale_because}
        return Verdict(check, passed=False, reason=reason, metadata=stale, is_warning=True)
    reason = f"Definitions show the Airflow instance {instance!r} as it was when they were loaded."
    return Verdict(check, passed=True, reason=reason)


def asset_checks(instance: str, outcomes: Sequence[Verdict]) -> Sequence[AssetChecksDefinition]:
    """Return the checks, in as few steps as can be; a step evaluates whichever of its checks are chosen.

    Args:
        instance: Name of the Airflow instance.
        outcomes: What the checks say.
    """
    steps = in_steps(outcomes, lambda outcome: (outcome.check.asset_key,))
    return [_step(instance, number, chosen) for number, chosen in enumerate(steps)]


def _step(instance: str, number: int, outcomes: Sequence[Verdict]) -> AssetChecksDefinition:
    name = f"{dagster_name(instance)}__airflow_checks"

    @multi_asset_check(
        name=f"{name}_{number}" if number else name,
        specs=[_spec(outcome) for outcome in outcomes],
        description=f"Whether what is shown of the Airflow instance {instance} is as it is there.",
        can_subset=True,
    )
    def airflow_checks(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        chosen = context.op_execution_context.selected_asset_check_keys
        yield from (outcome.result for outcome in outcomes if outcome.check in chosen)

    return airflow_checks


def _spec(outcome: Verdict) -> AssetCheckSpec:
    is_currency = outcome.check.name == _CURRENT
    return AssetCheckSpec(
        outcome.check.name,
        asset=outcome.check.asset_key,
        description=_IS_CURRENT if is_currency else _IS_VALID,
        metadata={OBSERVED_CHECK: True},
    )


def untold(instance: DagsterInstance, outcomes: Sequence[Verdict]) -> Sequence[AssetCheckEvaluation]:
    """Return the evaluations that say something new; that all has been well all the time is nothing new.

    Args:
        instance: Where evaluations are stored.
        outcomes: What the checks say now.
    """
    last = _dagster_private.latest_evaluations(instance, [outcome.check for outcome in outcomes])
    news: list[AssetCheckEvaluation] = []
    for outcome in outcomes:
        known = last.get(outcome.check)
        is_same = known is not None and (known.passed, known.description) == (outcome.passed, outcome.reason)
        is_well_again = known is not None and not known.passed and outcome.passed
        if is_well_again or (not outcome.passed and not is_same):
            news.append(outcome.evaluation)
    return news[:_AT_ONCE]
