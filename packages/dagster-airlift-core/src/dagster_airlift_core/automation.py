"""What makes Dagster run an asset on its own account: a schedule, or a condition of the asset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    DagsterError,
    Definitions,
    JobDefinition,
    ScheduleDefinition,
)


def automation_of(defs: Definitions) -> Mapping[AssetKey, str]:
    """Return what makes Dagster run each asset that it can run and that has such a thing."""
    executable = [
        asset for asset in defs.assets or () if isinstance(asset, AssetsDefinition) and asset.is_executable
    ]
    found = {
        spec.key: "it has an automation condition"
        for asset in executable
        for spec in asset.specs
        if spec.automation_condition is not None
    }
    if executable:
        for schedule in defs.schedules or ():
            if isinstance(schedule, ScheduleDefinition):
                reason = f"the schedule {schedule.name} runs it"
                found.update(dict.fromkeys(_targets(schedule, defs, executable), reason))
    return found


def _targets(
    schedule: ScheduleDefinition, defs: Definitions, executable: list[AssetsDefinition]
) -> Iterator[AssetKey]:
    """Yield the assets that a schedule runs; a job without assets has none."""
    for job in (job for job in _jobs(schedule, defs) if job is not None):
        if isinstance(job, JobDefinition):
            yield from job.asset_layer.executable_asset_keys if job.asset_layer else ()
        elif isinstance(selection := getattr(job, "selection", None), AssetSelection):
            try:
                yield from selection.resolve(executable)
            except DagsterError:  # it names assets that nobody has, which Dagster tells when it loads
                return


def _jobs(schedule: ScheduleDefinition, defs: Definitions) -> Iterator[object]:
    named = {getattr(job, "name", None): job for job in defs.jobs or ()}
    if schedule.job_name in named:
        yield named[schedule.job_name]
    else:
        try:
            yield schedule.job
        except DagsterError:  # a job known by its name alone, which is not among these
            return
