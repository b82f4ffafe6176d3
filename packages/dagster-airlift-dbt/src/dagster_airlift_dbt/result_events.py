"""From results of dbt to what Dagster records: models built, failed and skipped, tests as evaluations of checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetMaterialization,
    AssetObservation,
)

from dagster_airlift_core.results import TaskEvent
from dagster_airlift_dbt.checks import DbtChecks
from dagster_airlift_dbt.result_metadata import Metadata, result_metadata
from dagster_airlift_dbt.run_results import NodeResult, RunResults

# What dagster-dbt takes for a materialization; the status stands in its metadata.
BUILT = frozenset({"success", "warn", "no-op", "reused"})
FAILED = frozenset({"error", "fail", "runtime error", "partial success"})
SKIPPED = "skipped"
_PASSED = frozenset({"pass", "success"})
_WARNED = "warn"
_SOURCES = "source"


@dataclass(frozen=True)
class DbtEvents:
    """What results of dbt are in Dagster.

    Args:
        events: In the order in which dbt was done.
        ids: Unique ids of the assets that the results tell of.
        unknown: What the manifest does not know, or nobody here understands, each with its name.
    """

    events: tuple[TaskEvent, ...]
    ids: frozenset[str]
    unknown: tuple[str, ...]


def dbt_events(
    runs: Sequence[RunResults],
    checks: DbtChecks,
    *,
    with_assets: bool = True,
    with_checks: bool = True,
    with_sql: bool = False,
) -> DbtEvents:
    """Turn what the dbt commands of one task did into events; of a resource the last result counts.

    Args:
        runs: The commands, in their order. One that only compiles is passed over, whatever it says.
        checks: The project.
        with_assets: Whether it is wanted what was built.
        with_checks: Whether results of tests are wanted.
        with_sql: Whether events show compiled SQL.
    """
    last: dict[str, tuple[RunResults, NodeResult]] = {}
    unknown = [said for run in runs for said in run.set_aside]
    for run in runs:
        if not run.counts:
            unknown.append(
                f"results of dbt {run.command or '(no command is named)'} say nothing of what was built"
            )
            continue
        for result in run.results:
            last.pop(result.unique_id, None)  # what came last stands last
            last[result.unique_id] = (run, result)
    translation = _Translation(checks, with_assets, with_checks, with_sql)
    events = [event for run, result in last.values() for event in translation.events(run, result)]
    return DbtEvents(
        tuple(events), frozenset(translation.ids), tuple(dict.fromkeys([*unknown, *translation.unknown]))
    )


@dataclass(frozen=True)
class _Translation:
    checks: DbtChecks
    with_assets: bool
    with_checks: bool
    with_sql: bool
    ids: set[str] = field(default_factory=set[str])
    unknown: list[str] = field(default_factory=list[str])

    def events(self, run: RunResults, result: NodeResult) -> Iterator[TaskEvent]:
        node = self.checks.assets.graph.nodes.get(result.unique_id)
        if node is None:
            if not result.unique_id.startswith("operation."):  # a hook
                self.unknown.append(f"{result.unique_id} is not in the manifest")
        elif self.checks.assets.is_asset(node.unique_id):
            self.ids.add(node.unique_id)
            if self.with_assets:
                yield self._built(run, result)
        elif node.resource_type in {"test", _SOURCES} and result.status != SKIPPED:
            yield from self._tested(run, result)

    def _built(self, run: RunResults, result: NodeResult) -> AssetMaterialization | AssetObservation:
        assets = self.checks.assets
        key = assets.spec_of(result.unique_id).key
        relation = assets.project.relations[result.unique_id]
        metadata = result_metadata(run, result, relation, with_sql=self.with_sql)
        if result.status in BUILT:
            return AssetMaterialization(asset_key=key, metadata=metadata)
        description = _why_not_built(result)
        if result.status not in FAILED and result.status != SKIPPED:
            self.unknown.append(
                f"{result.unique_id} has the status {result.status!r}, which is not known here"
            )
        return AssetObservation(asset_key=key, description=description, metadata=metadata)

    def _tested(self, run: RunResults, result: NodeResult) -> Iterator[TaskEvent]:
        if not self.with_checks:
            return
        if result.status not in _PASSED | FAILED | {_WARNED}:
            self.unknown.append(
                f"{result.unique_id} has the status {result.status!r}, which is not known here"
            )
            return
        metadata = result_metadata(run, result, None, with_sql=self.with_sql)
        key = self.checks.key_of(result.unique_id)
        if key is None:
            yield from self._untold_test(result, metadata)
            return
        yield AssetCheckEvaluation(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=result.status in _PASSED,
            severity=AssetCheckSeverity.WARN if result.status == _WARNED else AssetCheckSeverity.ERROR,
            description=result.message if result.status not in _PASSED else None,
            metadata=metadata,
        )

    def _untold_test(self, result: NodeResult, metadata: Metadata) -> Iterator[AssetObservation]:
        """Show a failure of what is no check in Dagster on each asset that the test reads, as dagster-dbt does."""
        test = self.checks.assets.project.tests.get(result.unique_id)
        if test is None or result.status in _PASSED:
            return
        assets = self.checks.assets
        for parent in dict.fromkeys(test.parents):
            if parent in assets.project.relations:
                yield AssetObservation(
                    asset_key=assets.spec_of(parent).key,
                    description=f"The dbt test {test.name}, which is no asset check: {result.status}.",
                    metadata=metadata,
                )


def _why_not_built(result: NodeResult) -> str:
    said = f" {result.message.strip()}" if result.message else ""
    if result.status == SKIPPED:
        return f"dbt skipped it.{said}" if said else "dbt skipped it, because something before it failed."
    if result.batches:
        return f"dbt built {result.batches.successful} of its batches and failed at {result.batches.failed}.{said}"
    return f"dbt did not build it ({result.status}).{said}"
