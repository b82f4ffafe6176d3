"""What dbt commands did, resource by resource, as `run_results.json` and `sources.json` tell it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast

Number: TypeAlias = int | float
Told: TypeAlias = Mapping[str, str | Number]
"""What a warehouse answered: names to plain values."""

COUNTING_COMMANDS = frozenset({"build", "run", "seed", "snapshot", "test", "retry", "freshness"})
"""Those that do what their results say. `dbt compile` and `dbt docs generate` write `success` for every model."""
# dbt writes dashes or underscores, and Fusion the whole command.
_FRESHNESS = frozenset({"source", "freshness", "source-freshness", "snapshot-freshness", "source freshness"})


class DbtResultsError(ValueError):
    """A text or value that holds no results of dbt."""


@dataclass(frozen=True, slots=True)
class Batches:
    """How many batches of a microbatch model dbt built, and how many failed."""

    successful: int
    failed: int


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What a dbt command did with one resource; every field but the first two may be missing.

    Args:
        unique_id: The resource.
        status: As dbt writes it, in lower case; it may be one that nobody here knows.
        started_at: When dbt began with it.
        completed_at: When dbt was done with it.
        seconds: How long it took.
        message: What dbt or the warehouse says about it.
        failures: Rows that a test found.
        relation: The table or view, as dbt quotes it.
        compiled: Its SQL.
        answer: What the warehouse answered, plain values only: rows, bytes, the id of the query.
        batches: Of a microbatch model.
        loaded_at: For a source: when its newest row was loaded.
        age_seconds: For a source: how old that row was.
    """

    unique_id: str
    status: str
    started_at: datetime | None = None
    completed_at: datetime | None = None
    seconds: float | None = None
    message: str | None = None
    failures: int | None = None
    relation: str | None = None
    compiled: str | None = None
    answer: Told = field(default_factory=dict[str, str | Number])
    batches: Batches | None = None
    loaded_at: datetime | None = None
    age_seconds: float | None = None


@dataclass(frozen=True)
class RunResults:
    """What one dbt command did.

    Args:
        command: `build`, `run`, `test` and so on, `freshness` for `dbt source freshness`; None where it is not told.
        results: In the order in which dbt was done with them.
        invocation_id: Which run of dbt it was.
        started_at: When dbt began, as far as it is told.
        generated_at: When the results were written.
        stamp: The variables of the environment that dbt repeats, `DBT_ENV_CUSTOM_ENV_X` as `X`.
        is_full_refresh: Whether incremental models were built whole.
        set_aside: Entries that could not be read, and why.
        is_evident: Whether results are told only of what was done, as a log does, so that no command has to be named.
    """

    command: str | None
    results: tuple[NodeResult, ...]
    invocation_id: str | None = None
    started_at: datetime | None = None
    generated_at: datetime | None = None
    stamp: Mapping[str, str] = field(default_factory=dict[str, str])
    is_full_refresh: bool = False
    set_aside: tuple[str, ...] = ()
    is_evident: bool = False

    @property
    def counts(self) -> bool:
        """Whether the command did what its results say; of one that is not named that is not known."""
        return self.is_evident or self.command in COUNTING_COMMANDS

    @property
    def began_at(self) -> datetime | None:
        """When dbt began, or the earliest time there is; what it did is not older than that."""
        times = [each.started_at for each in self.results if each.started_at]
        return self.started_at or min(times, default=self.generated_at)

    @property
    def ended_at(self) -> datetime | None:
        """When the results were written, or the latest time there is."""
        times = [each.completed_at for each in self.results if each.completed_at]
        return self.generated_at or max(times, default=self.started_at)


def read_run_results(payload: object) -> RunResults:
    """Read the content of a `run_results.json` or a `sources.json`.

    All versions from dbt 0.19 on are read, and what Fusion writes, with whatever it leaves out.

    Args:
        payload: The parsed JSON.

    Returns:
        What it says; an entry that cannot be read is set aside in it.

    Raises:
        DbtResultsError: It is neither.
    """
    content = _mapping(payload)
    entries = content.get("results")
    if content and not isinstance(entries, list):
        raise DbtResultsError("it has no list 'results'")
    if not isinstance(entries, list):
        raise DbtResultsError(f"expected an object, found {type(payload).__name__}")
    metadata, args = _mapping(content.get("metadata")), _mapping(content.get("args"))
    is_freshness = "/sources/" in str(metadata.get("dbt_schema_version"))
    results, set_aside = _rows(
        cast("list[object]", entries), _source_result if is_freshness else _node_result
    )
    return RunResults(
        command="freshness" if is_freshness else _command(args),
        results=results,
        invocation_id=_text(metadata, "invocation_id"),
        started_at=_instant(metadata.get("invocation_started_at")),
        generated_at=_instant(metadata.get("generated_at")),
        stamp={name: str(value) for name, value in _mapping(metadata.get("env")).items()},
        is_full_refresh=args.get("full_refresh") is True,
        set_aside=set_aside,
    )


def read_command(words: str) -> str | None:
    """Return which command a name of dbt's means: `which` of its arguments, or the words of a command line.

    Args:
        words: Such as `build`, `docs generate` or `source freshness`.
    """
    word = words.strip().lower().replace("_", "-")
    if word in _FRESHNESS or word.startswith("source freshness"):
        return "freshness"
    return word.partition(" ")[0] or None


def read_instant(value: object) -> datetime | None:
    """Return an instant in UTC, None where there is none that can be read."""
    return _instant(value)


def _command(args: Mapping[str, Any]) -> str | None:
    which = args.get("which") or args.get("rpc_method")
    return read_command(which) if isinstance(which, str) else None


def _rows(
    entries: list[object], read: Callable[[Mapping[str, Any]], NodeResult]
) -> tuple[tuple[NodeResult, ...], tuple[str, ...]]:
    results: list[NodeResult] = []
    set_aside: list[str] = []
    for entry in entries:
        payload = _mapping(entry)
        if _text(payload, "unique_id") and _text(payload, "status"):
            results.append(read(payload))
        else:
            set_aside.append(f"{payload.get('unique_id') or 'a result'} has no {_missing(payload)}")
    return tuple(results), tuple(set_aside)


def _missing(payload: Mapping[str, Any]) -> str:
    return "status" if payload.get("unique_id") else "unique_id"


def _node_result(payload: Mapping[str, Any]) -> NodeResult:
    begun, done = _times(payload)
    return NodeResult(
        unique_id=str(payload["unique_id"]),
        status=str(payload["status"]).lower(),
        started_at=begun,
        completed_at=done,
        seconds=_number(payload.get("execution_time")),
        message=_text(payload, "message"),
        failures=_whole(payload.get("failures")),
        relation=_text(payload, "relation_name"),
        compiled=_text(payload, "compiled_code") or _text(payload, "compiled_sql"),
        answer=_answer(payload),
        batches=_batches(payload.get("batch_results")),
    )


def _source_result(payload: Mapping[str, Any]) -> NodeResult:
    begun, done = _times(payload)
    return NodeResult(
        unique_id=str(payload["unique_id"]),
        status=str(payload["status"]).lower(),
        started_at=begun,
        completed_at=done or _instant(payload.get("snapshotted_at")),
        seconds=_number(payload.get("execution_time")),
        message=_text(payload, "error"),
        answer=_answer(payload),
        loaded_at=_instant(payload.get("max_loaded_at")),
        age_seconds=_number(payload.get("max_loaded_at_time_ago_in_s")),
    )


def _times(payload: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """The beginning of the first phase and the end of the last one."""
    timing = payload.get("timing")
    phases = [_mapping(phase) for phase in cast("list[object]", timing)] if isinstance(timing, list) else []
    begun = [at for phase in phases if (at := _instant(phase.get("started_at")))]
    done = [at for phase in phases if (at := _instant(phase.get("completed_at")))]
    return min(begun, default=None), max(done, default=None)


def _answer(payload: Mapping[str, Any]) -> Told:
    """What a warehouse answered; before dbt 0.20 it was a text, which the message repeats."""
    return {
        str(name): value
        for name, value in _mapping(payload.get("adapter_response")).items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }


def _batches(value: object) -> Batches | None:
    batches = _mapping(value)
    return Batches(_size(batches.get("successful")), _size(batches.get("failed"))) if batches else None


def _size(value: object) -> int:
    return len(cast("list[object]", value)) if isinstance(value, list) else 0


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _text(payload: Mapping[str, Any], name: str) -> str | None:
    value = payload.get(name)
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        instant = datetime.fromisoformat(value)
        # dbt leaves out the zone at times, and means UTC.
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
