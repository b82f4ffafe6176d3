"""Asset checks that something else evaluates: Dagster shows what was observed, and never evaluates them itself."""

# Dagster looks at the annotation of a context itself, so it must not be put off (no __future__ import).
from collections.abc import Iterator, Sequence

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSpec,
    AssetKey,
    multi_asset_check,
)

from dagster_airlift_core import _dagster_private
from dagster_airlift_core.check_steps import can_be_checked, in_steps
from dagster_airlift_core.keys import OBSERVED_CHECK


def observed_checks(name: str, specs: Sequence[AssetCheckSpec]) -> Sequence[AssetChecksDefinition]:
    """Declare asset checks whose evaluations are observed.

    A check cannot be declared without a step that evaluates it. So whoever runs one gets its latest evaluation once
    more, and nothing where there is none yet.

    Args:
        name: Of the definition; further ones, where keys look alike, get a number.
        specs: The checks; one that Dagster cannot name is left out.
    """
    possible = [spec for spec in specs if can_be_checked(spec.asset_key)]
    steps = in_steps(possible, _keys_of)
    return [_step(f"{name}_{number}" if number else name, chosen) for number, chosen in enumerate(steps)]


def is_observed(spec: AssetCheckSpec) -> bool:
    """Tell whether a check is only observed.

    Args:
        spec: Its spec.
    """
    return OBSERVED_CHECK in (spec.metadata or {})


def _step(name: str, specs: Sequence[AssetCheckSpec]) -> AssetChecksDefinition:
    @multi_asset_check(
        name=name,
        specs=[_marked(spec) for spec in specs],
        description="Shows again what was observed last. It evaluates nothing.",
        can_subset=True,
    )
    def observed(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        for check in sorted(context.op_execution_context.selected_asset_check_keys):
            last = _dagster_private.last_evaluation(context.instance, check)
            if last is None:
                context.log.info("Nothing was observed of %s yet.", check.to_user_string())
                continue
            yield AssetCheckResult(
                asset_key=check.asset_key,
                check_name=check.name,
                passed=last.passed,
                severity=last.severity,
                description=last.description,
                metadata=last.metadata,
            )

    return observed


def _keys_of(spec: AssetCheckSpec) -> list[AssetKey]:
    return [spec.asset_key, *(dep.asset_key for dep in spec.additional_deps)]


def _marked(spec: AssetCheckSpec) -> AssetCheckSpec:
    """Mark a check, which blocks nothing: what it checks is there when it is shown."""
    return AssetCheckSpec(
        spec.name,
        asset=spec.asset_key,
        description=spec.description,
        additional_deps=spec.additional_deps,
        metadata={**(spec.metadata or {}), OBSERVED_CHECK: True},
    )
