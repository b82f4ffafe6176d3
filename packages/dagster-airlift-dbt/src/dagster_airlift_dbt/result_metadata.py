"""What Dagster shows of one result of dbt, under the names that dagster-dbt has for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

from dagster import MetadataValue, TimestampMetadataValue

from dagster_airlift_dbt.relations import DbtRelation
from dagster_airlift_dbt.run_results import NodeResult, RunResults

Metadata: TypeAlias = dict[str, str | int | float | MetadataValue[Any]]

MAX_TEXT = 4000
"""Characters of a message or of SQL that are kept."""
_BUILT_WHOLE = frozenset({"table", "seed"})
_SHOWN_AS = {"_message": None, "rows_affected": None, "code": None, "query_id": "Query ID"}
# Snowflake answers `create table as` with this, and counts its one line of answer.
_NO_COUNT = "SUCCESS"


def result_metadata(
    run: RunResults, result: NodeResult, relation: DbtRelation | None, *, with_sql: bool
) -> Metadata:
    """Describe what dbt did with one resource.

    Args:
        run: The command.
        result: What it did.
        relation: What the manifest says of the resource, if that is a table or a view.
        with_sql: Whether to show its compiled SQL.
    """
    told: dict[str, str | int | float | MetadataValue[Any] | None] = {
        "unique_id": result.unique_id,
        "invocation_id": run.invocation_id,
        "status": result.status,
        "Execution Duration": result.seconds,
        "dagster_dbt/completed_at_timestamp": _timestamp(result.completed_at or run.generated_at),
        "dagster_dbt/failed_row_count": result.failures if relation is None else None,
        "dagster/row_count": _row_count(run, result, relation) if relation else None,
        "dbt Command": run.command,
        "Relation": result.relation,
        "Message": _shortened(result.message),
        "Last Loaded At": _timestamp(result.loaded_at),
        "Age in Seconds": result.age_seconds,
        "Successful Batches": result.batches.successful if result.batches else None,
        "Failed Batches": result.batches.failed if result.batches else None,
        "Compiled SQL": MetadataValue.md(f"```sql\n{_shortened(result.compiled)}\n```")
        if with_sql and result.compiled
        else None,
        **_answered(result),
    }
    return {name: value for name, value in told.items() if value is not None}


def _answered(result: NodeResult) -> dict[str, str | int | float | None]:
    """What else the warehouse answered: `bytes_processed` is shown as `Bytes Processed`."""
    return {
        named: _shortened(value) if isinstance(value, str) else value
        for name, value in result.answer.items()
        if (named := _SHOWN_AS.get(name, name.strip("_").replace("_", " ").title()))
    }


def _row_count(run: RunResults, result: NodeResult, relation: DbtRelation) -> int | None:
    """The rows that a statement touched are those of the table where it wrote all of it, and nowhere else."""
    rows = result.answer.get("rows_affected")
    built_whole = relation.materialized in _BUILT_WHOLE or (
        run.is_full_refresh and relation.materialized == "incremental"
    )
    is_count = built_whole and result.answer.get("code") != _NO_COUNT
    return rows if is_count and isinstance(rows, int) and rows >= 0 else None


def _timestamp(instant: datetime | None) -> TimestampMetadataValue | None:
    return TimestampMetadataValue(instant.timestamp()) if instant else None


def _shortened(text: str | None) -> str | None:
    return text if text is None or len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
