from __future__ import annotations

import gc
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_airlift_core import (
    AirflowAsset,
    AirflowBasicAuthBackend,
    AirflowInstance,
    AirflowSnapshot,
    Dag,
    TaskHandle,
    assets_with_dag_mappings,
    assets_with_multiple_task_mappings,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.keys import airflow_asset_key
from dagster_airlift_core.model import Task
from dagster_airlift_core.wire import TASK_MAPPING_METADATA_KEY

AIRFLOW = AirflowInstance(AirflowBasicAuthBackend("http://127.0.0.1:9", "viewer", "viewer"), "prod")
MOMENT = datetime(2026, 1, 15, 12, tzinfo=UTC)


def dag(dag_id: str, *, schedule: str | None = None, is_paused: bool = False, is_stale: bool = False) -> Dag:
    return Dag(dag_id, None, (), (), schedule, None, is_paused=is_paused, is_stale=is_stale)


def task(dag_id: str, task_id: str, *after: str, is_proxied: bool = False) -> Task:
    return Task(dag_id, task_id, "BashOperator", frozenset(after), is_proxied=is_proxied)


def airflow_asset(
    uri: str,
    *,
    made_by: Iterable[tuple[str, str]] = (),
    read_by: Iterable[tuple[str, str]] = (),
    starts: Iterable[str] = (),
) -> AirflowAsset:
    made, read = (frozenset(TaskHandle(*pair) for pair in pairs) for pairs in (made_by, read_by))
    return AirflowAsset(uri, uri, None, made, read, frozenset(starts))


def snapshot(
    *tasks: Task, dags: Iterable[Dag] = (), assets: Iterable[AirflowAsset] = (), instance: str = "prod"
) -> AirflowSnapshot:
    known = {one.dag_id: dag(one.dag_id) for one in tasks} | {one.dag_id: one for one in dags}
    handles = {TaskHandle(one.dag_id, one.task_id): one for one in tasks}
    return AirflowSnapshot(instance, MOMENT, known, handles, tuple(assets))


def built(
    taken: AirflowSnapshot, *assets: dg.AssetSpec | dg.AssetsDefinition, **choices: object
) -> dict[str, dg.AssetSpec]:
    mine = choices.pop("defs", None) or dg.Definitions(assets=assets)
    defs = build_defs_from_airflow_instance(
        airflow_instance=AIRFLOW,
        defs=mine,
        snapshot=taken,
        **choices,  # pyright: ignore[reportArgumentType]
    )
    dg.Definitions.validate_loadable(defs)
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def deps_of(spec: dg.AssetSpec) -> set[str]:
    return {dep.asset_key.to_user_string() for dep in spec.deps}


def test_dags_are_linked_through_airflows_assets() -> None:
    taken = snapshot(
        task("load", "write"),
        task("report", "read"),
        assets=[
            airflow_asset("s3://lake/orders.csv", made_by=[("load", "write")], starts=["report"]),
            airflow_asset("s3://lake/report.csv", made_by=[("report", "read")]),
        ],
    )

    specs = built(taken)

    orders, report = "prod/asset/s3/lake/orders.csv", "prod/asset/s3/lake/report.csv"
    assert deps_of(specs["prod/dag/load"]) == {orders}
    assert deps_of(specs[report]) == {orders}
    assert deps_of(specs["prod/dag/report"]) == {orders, report}
    assert specs[orders].kinds == {"airflow", "s3", "airliftmapped"}
    assert specs[orders].metadata["Airflow Asset URI"] == "s3://lake/orders.csv"
    assert specs[orders].metadata[TASK_MAPPING_METADATA_KEY] == dg.MetadataValue.json(
        [{"airflow_instance": "prod", "dag_id": "load", "task_id": "write"}]
    )


def test_dags_that_start_each_other_in_a_circle_load_and_say_so(caplog: pytest.LogCaptureFixture) -> None:
    taken = snapshot(
        task("a", "t"),
        task("b", "t"),
        assets=[
            airflow_asset("x://one", made_by=[("a", "t")], starts=["b"]),
            airflow_asset("x://two", made_by=[("b", "t")], starts=["a"]),
        ],
    )

    with caplog.at_level(logging.WARNING):
        specs = built(taken)

    left_out = [key for key, spec in specs.items() if "Would Close a Circle" in spec.metadata]
    assert len(left_out) == 1
    assert "would close a circle" in caplog.text


def test_an_asset_of_airflow_that_no_dag_of_ours_touches_is_left_out() -> None:
    taken = snapshot(task("etl", "t"), assets=[airflow_asset("x://a", made_by=[("gone", "t")])])

    assert set(built(taken)) == {"prod/instance", "prod/dag/etl"}


def test_a_function_chooses_keys_and_may_choose_that_of_your_asset() -> None:
    @dg.asset(key=["lake", "orders"])
    def orders() -> None: ...

    taken = snapshot(
        task("etl", "load"),
        assets=[
            airflow_asset("s3://lake/orders.csv", made_by=[("etl", "load")]),
            airflow_asset("s3://lake/other.csv", made_by=[("etl", "load")]),
        ],
    )

    specs = built(
        taken,
        orders,
        airflow_asset_key_fn=lambda asset: dg.AssetKey(["lake", asset.uri.split("/")[-1].split(".")[0]]),
    )

    assert set(specs) == {"prod/instance", "prod/dag/etl", "lake/orders", "lake/other"}
    assert specs["lake/orders"].tags["dagster-airlift/airflow-task-id"] == "load"
    assert deps_of(specs["prod/dag/etl"]) == {"lake/orders", "lake/other"}


def test_each_task_is_an_asset_on_request() -> None:
    taken = snapshot(
        task("etl", "extract", "load", "gone"),
        task("etl", "load"),
        assets=[
            airflow_asset("x://in", read_by=[("etl", "extract")]),
            airflow_asset("x://out", made_by=[("etl", "load")]),
        ],
    )

    specs = built(taken, task_assets=True)

    assert deps_of(specs["prod/task/etl/load"]) == {"prod/task/etl/extract"}
    assert deps_of(specs["prod/task/etl/extract"]) == {"prod/asset/x/in"}
    assert deps_of(specs["prod/asset/x/out"]) == {"prod/task/etl/load"}
    assert "prod/task/etl/extract" not in built(taken)


def test_a_task_asset_or_dag_asset_of_your_own_is_not_made_twice() -> None:
    mine = dg.AssetSpec(["prod", "task", "etl", "load"], description="mine")

    specs = built(snapshot(task("etl", "load")), mine, task_assets=True)

    assert specs["prod/task/etl/load"].description == "mine"


@dg.asset
def table() -> None: ...


@pytest.mark.parametrize(
    ("tasks", "runs_in"),
    [
        pytest.param([task("etl", "a"), task("etl", "b")], "airflow", id="none is proxied"),
        pytest.param([task("etl", "a", is_proxied=True), task("etl", "b")], "both", id="one is proxied"),
        pytest.param(
            [task("etl", "a", is_proxied=True), task("etl", "b", is_proxied=True)], "dagster", id="all are"
        ),
    ],
)
def test_a_mapped_asset_says_where_it_runs_now(tasks: list[Task], runs_in: str) -> None:
    specs = built(snapshot(*tasks), *assets_with_task_mappings("etl", {"a": [table], "b": [table]}))

    assert specs["table"].tags["airlift/runs-in"] == runs_in
    assert "etl.a" in str(specs["table"].metadata["Where It Runs"])


@pytest.mark.parametrize(
    ("tasks", "dags", "told"),
    [
        pytest.param([task("etl", "a")], [dag("etl")], "Airflow runs etl.a.", id="no schedule"),
        pytest.param(
            [task("etl", "a")],
            [dag("etl", schedule="0 3 * * *")],
            "Airflow runs etl.a (0 3 * * *).",
            id="schedule",
        ),
        pytest.param(
            [task("etl", "a", is_proxied=True)],
            [dag("etl", schedule="@daily", is_paused=True)],
            "Dagster runs it for etl.a (@daily, paused).",
            id="paused",
        ),
        pytest.param(
            [task("etl", "a", is_proxied=True), task("other", "b")],
            [dag("etl", schedule="@daily"), dag("other", is_paused=True)],
            "Dagster runs it for etl.a (@daily), Airflow runs other.b (paused).",
            id="two DAGs",
        ),
    ],
)
def test_where_an_asset_runs_is_told_with_what_brings_it_about(
    tasks: list[Task], dags: list[Dag], told: str
) -> None:
    handles = [TaskHandle(one.dag_id, one.task_id) for one in tasks]

    specs = built(snapshot(*tasks, dags=dags), *assets_with_multiple_task_mappings([table], handles))

    assert specs["table"].metadata["Where It Runs"] == told


def test_an_asset_of_a_dag_runs_in_dagster_when_all_tasks_are_proxied() -> None:
    mapped = assets_with_dag_mappings({"etl": [table]})

    half = built(snapshot(task("etl", "a", is_proxied=True), task("etl", "b")), *mapped)
    whole = built(snapshot(task("etl", "a", is_proxied=True)), *mapped)

    assert half["table"].tags["airlift/runs-in"] == "airflow"
    assert whole["table"].tags["airlift/runs-in"] == "dagster"


@pytest.mark.parametrize(
    ("proxied", "runs_in", "told"),
    [
        pytest.param("", "airflow", "0 of 3", id="none is proxied"),
        pytest.param("ab", "both", "2 of 3", id="some are"),
        pytest.param("abc", "dagster", "3 of 3", id="all are"),
    ],
)
def test_a_dag_says_how_many_of_its_tasks_are_proxied(proxied: str, runs_in: str, told: str) -> None:
    tasks = [task("etl", name, is_proxied=name in proxied) for name in "abc"]

    spec = built(snapshot(*tasks))["prod/dag/etl"]

    assert (spec.tags["airlift/runs-in"], spec.metadata["Tasks Proxied"]) == (runs_in, told)


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")  # that of the selection is swallowed when raised
def test_dags_are_found_by_where_their_tasks_run() -> None:
    half = [task("half", "a"), task("half", "b", is_proxied=True)]
    taken = snapshot(task("left", "a"), *half, task("done", "a", is_proxied=True), dags=[dag("unknown")])
    mapped = assets_with_task_mappings("left", {"a": [dg.AssetSpec("table")]})
    to_migrate = 'kind:"dag" and not tag:"airlift/runs-in"="dagster"'
    selection = dg.AssetSelection.from_string(to_migrate, include_sources=True)

    specs = list(built(taken, *mapped).values())

    found = selection.resolve([dg.AssetsDefinition(specs=specs)])
    assert {key.path[-1] for key in found} == {"left", "half", "unknown"}


def test_what_people_read_is_shown_before_what_airflow_reads() -> None:
    mapped = assets_with_task_mappings("etl", {"a": [dg.AssetSpec("table", metadata={"yours": 1})]})

    specs = built(snapshot(task("etl", "a"), dags=[dag("etl", schedule="@daily")]), *mapped)

    assert [*specs["table"].metadata] == ["yours", "View Task", "Where It Runs", TASK_MAPPING_METADATA_KEY]
    assert [*specs["prod/dag/etl"].metadata] == [
        "View DAG",
        "Schedule",
        "Tasks Proxied",
        "dagster-airlift/mapped-assets",
    ]


def test_of_a_dag_whose_tasks_are_not_known_nobody_says_where_it_runs() -> None:
    mapped = assets_with_task_mappings("etl", {"a": [dg.AssetSpec("table")]})

    specs = built(snapshot(dags=[dag("etl", schedule="@daily")]), *mapped)

    for spec in (specs["prod/dag/etl"], specs["table"]):
        assert "airlift/runs-in" not in spec.tags
        assert not {"Tasks Proxied", "Where It Runs"} & set(spec.metadata)
        assert spec.metadata["Schedule"] == "@daily"


def test_a_proxied_task_of_a_dag_that_is_gone_is_missing() -> None:
    taken = replace(snapshot(task("etl", "a", is_proxied=True)), dags={})

    spec = built(taken, *assets_with_task_mappings("etl", {"a": [dg.AssetSpec("table")]}))["table"]

    assert spec.tags["airlift/status"] == "missing"
    assert "airlift/runs-in" not in spec.tags


def test_what_airflow_lacks_runs_nowhere() -> None:
    specs = built(snapshot(task("etl", "a")), *assets_with_task_mappings("etl", {"gone": [table]}))

    assert "airlift/runs-in" not in specs["table"].tags
    assert specs["table"].tags["airlift/status"] == "missing"


def scheduled(asset: dg.AssetsDefinition, selection: dg.AssetSelection | str = "table") -> dg.Definitions:
    job = dg.define_asset_job("nightly", selection=selection)
    return dg.Definitions(assets=[asset], schedules=[dg.ScheduleDefinition(job=job, cron_schedule="@daily")])


def named(asset: dg.AssetsDefinition) -> dg.Definitions:
    job = dg.define_asset_job("nightly", selection="table")
    schedule = dg.ScheduleDefinition("by_name", job_name="nightly", cron_schedule="@daily")
    return dg.Definitions(assets=[asset], jobs=[job], schedules=[schedule])


def conditioned(asset: dg.AssetsDefinition) -> dg.Definitions:
    eager = dg.AutomationCondition.eager()
    return dg.Definitions(
        assets=[asset.map_asset_specs(lambda spec: spec.replace_attributes(automation_condition=eager))]
    )


@pytest.mark.parametrize(
    ("automate", "reason"),
    [
        pytest.param(scheduled, "the schedule nightly_schedule runs it", id="schedule"),
        pytest.param(named, "the schedule by_name runs it", id="schedule of a job by its name"),
        pytest.param(conditioned, "it has an automation condition", id="condition"),
    ],
)
def test_an_asset_that_airflow_and_dagster_run_is_a_warning(
    automate: object, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    (mapped,) = assets_with_task_mappings("etl", {"a": [table]})
    defs = automate(mapped)  # pyright: ignore[reportCallIssue]

    with caplog.at_level(logging.WARNING):
        specs = built(snapshot(task("etl", "a")), defs=defs)

    assert specs["table"].tags["airlift/runs-in"] == "both"
    assert f"Airflow runs etl.a, and Dagster runs it too: {reason}." in caplog.text


@pytest.mark.parametrize(
    "taken",
    [
        pytest.param(snapshot(task("etl", "a"), dags=[dag("etl", is_paused=True)]), id="paused in Airflow"),
        pytest.param(snapshot(task("etl", "a", is_proxied=True)), id="proxied"),
    ],
)
def test_what_airflow_does_not_run_may_be_scheduled(
    taken: AirflowSnapshot, caplog: pytest.LogCaptureFixture
) -> None:
    (mapped,) = assets_with_task_mappings("etl", {"a": [table]})

    with caplog.at_level(logging.WARNING):
        built(taken, defs=scheduled(mapped))

    assert not caplog.records


def test_the_state_of_a_dag_is_a_tag() -> None:
    specs = built(snapshot(dags=[dag("a", is_paused=True), dag("b", is_stale=True), dag("c")]))

    assert [specs[f"prod/dag/{name}"].tags.get("airlift/status") for name in "abc"] == [
        "paused",
        "stale",
        None,
    ]


def test_mapping_again_adds_across_tasks_and_dags() -> None:
    (once,) = assets_with_task_mappings("etl", {"a": [dg.AssetSpec("x")]})
    (twice,) = assets_with_multiple_task_mappings([once], [TaskHandle("other", "b")])

    specs = built(
        snapshot(task("etl", "a"), task("other", "b")), *assets_with_dag_mappings({"third": [twice]})
    )

    assert {"View Task (etl.a)", "View Task (other.b)", "View DAG (third)"} <= set(specs["x"].metadata)
    assert deps_of(specs["prod/dag/etl"]) == deps_of(specs["prod/dag/other"]) == {"x"}


def test_partitioned_assets_map_to_tasks_and_dags() -> None:
    daily = dg.DailyPartitionsDefinition("2026-01-01")

    @dg.asset(partitions_def=daily)
    def by_day() -> None: ...

    specs = built(
        snapshot(task("etl", "a")),
        *assets_with_task_mappings("etl", {"a": [by_day]}),
        *assets_with_dag_mappings({"etl": [dg.AssetSpec("spec", partitions_def=daily)]}),
        *assets_with_task_mappings("etl", {"gone": [dg.AssetSpec("lost", partitions_def=daily)]}),
    )

    assert specs["by_day"].partitions_def == specs["spec"].partitions_def == daily


def test_a_chain_of_five_thousand_mapped_assets_loads() -> None:
    length = 5_000
    specs = [dg.AssetSpec(f"n{n}", deps=[f"n{n - 1}"] if n else []) for n in range(length)]
    mapped = assets_with_task_mappings("etl", {f"t{n}": [spec] for n, spec in enumerate(specs)})

    found = built(snapshot(*(task("etl", f"t{n}") for n in range(length))), *mapped)

    assert deps_of(found["prod/dag/etl"]) == {f"n{length - 1}"}


@given(st.lists(st.text(min_size=1), min_size=2, unique=True))
def test_no_two_uris_have_one_key(uris: list[str]) -> None:
    keys = {airflow_asset_key("prod", uri).to_user_string() for uri in uris}

    assert len(keys) == len(uris)


@pytest.mark.parametrize(
    ("uri", "key"),
    [
        pytest.param("s3://lake/raw/orders.csv", "prod/asset/s3/lake/raw/orders.csv", id="a URI"),
        pytest.param("orders", "prod/asset/orders", id="a name"),
        pytest.param("s3/lake", "prod/asset/s3__[0-9a-f]{8}/lake", id="what is not a scheme"),
        pytest.param("s3://lake/a b", "prod/asset/s3/lake/a_b_[0-9a-f]{8}", id="a space"),
        pytest.param("s3://lake//x", "prod/asset/s3/lake/_[0-9a-f]{8}/x", id="an empty part"),
    ],
)
def test_the_key_of_an_airflow_asset_is_its_whole_uri(uri: str, key: str) -> None:
    assert re.fullmatch(key, airflow_asset_key("prod", uri).to_user_string())


@given(st.text(min_size=1))
def test_what_dagster_runs_may_read_and_check_any_airflow_asset(uri: str) -> None:
    key = airflow_asset_key("prod", uri)

    @dg.asset(deps=[key])
    def report() -> None: ...

    @dg.asset_check(asset=key)
    def fresh() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    assert [dep.asset_key for dep in report.specs_by_key[report.key].deps] == [key]
    assert {check.asset_key for check in fresh.check_keys} == {key}


@given(st.text(alphabet="s3:/%2A", min_size=1), st.text(alphabet="s3:/%2A", min_size=1))
def test_no_two_uris_that_look_alike_have_one_key(one: str, other: str) -> None:
    keys = [airflow_asset_key("prod", uri).to_user_string() for uri in (one, other)]

    assert (keys[0] == keys[1]) == (one == other)


ids = st.from_regex(r"\A[a-zA-Z0-9_.\-]{1,12}\Z") | st.text(
    st.characters(categories=["L", "N"]), min_size=1, max_size=12
)
task_ids = st.lists(ids, min_size=1, max_size=3, unique=True)
uris = st.from_regex(r"\A[a-z0-9]{1,5}://[!-~]{0,12}\Z") | st.text(
    st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(st.dictionaries(ids, task_ids, min_size=1, max_size=5), st.data())
def test_whatever_airflow_accepts_loads_with_distinct_keys(
    tasks_of: dict[str, list[str]], data: st.DataObject
) -> None:
    tasks = [task(dag_id, task_id) for dag_id, ids_of in tasks_of.items() for task_id in ids_of]
    handles = st.sampled_from([(one.dag_id, one.task_id) for one in tasks])
    found = data.draw(st.lists(uris, max_size=4, unique=True))
    assets = [
        airflow_asset(
            uri,
            made_by=[data.draw(handles)],
            read_by=data.draw(st.lists(handles, max_size=2)),
            starts=data.draw(st.lists(st.sampled_from(sorted(tasks_of)), max_size=2)),
        )
        for uri in found
    ]
    mapped = [
        asset
        for number, one in enumerate(tasks)
        for asset in assets_with_task_mappings(
            one.dag_id, {data.draw(st.sampled_from([one.task_id, "gone"])): [dg.AssetSpec(f"mapped{number}")]}
        )
    ]

    specs = built(snapshot(*tasks, assets=assets), *mapped, task_assets=True)

    assert len(specs) == 1 + len(tasks_of) + 2 * len(tasks) + len(assets)


def test_two_instances_with_equal_dags_stay_apart() -> None:
    tasks = [task("a-b", "t"), task("a_b", "t"), task("a.b", "t")]
    other = AirflowInstance(AirflowBasicAuthBackend("http://127.0.0.1:9", "viewer", "viewer"), "pro-d")
    first = build_defs_from_airflow_instance(airflow_instance=AIRFLOW, snapshot=snapshot(*tasks))
    both = build_defs_from_airflow_instance(
        airflow_instance=other, defs=first, snapshot=snapshot(*tasks, instance="pro-d")
    )

    dg.Definitions.validate_loadable(both)

    assert len(list(both.resolve_all_asset_specs())) == 2 * (1 + 3)
    assert len(list(both.sensors or ())) == 2


def in_group(task_id: str, operator: str, group: str) -> Task:
    return Task("etl", task_id, operator, frozenset(), group_id=group)


def test_assets_are_found_by_the_operator_and_the_group_of_their_task() -> None:
    taken = snapshot(in_group("load.a", "BashOperator", "load"))

    spec = built(taken, *assets_with_task_mappings("etl", {"load.a": [table]}))["table"]

    assert spec.tags["airlift/operator"] == "BashOperator"
    assert spec.tags["airlift/task-group"] == "load"
    assert {"Operator", "Task Group"}.isdisjoint(spec.metadata)


@pytest.mark.parametrize(
    ("tasks", "operators", "groups"),
    [
        pytest.param(
            [in_group("a", "BashOperator", "load"), in_group("b", "SqlOperator", "load")],
            {"Operator (etl.a)": "BashOperator", "Operator (etl.b)": "SqlOperator"},
            {},
            id="the tasks differ",
        ),
        pytest.param(
            [in_group("a", "@task", "load / raw")],
            {"Operator": "@task"},
            {"Task Group": "load / raw"},
            id="no tag can hold it",
        ),
    ],
)
def test_an_operator_or_group_that_is_no_tag_is_told_by_metadata(
    tasks: list[Task], operators: dict[str, str], groups: dict[str, str]
) -> None:
    mapped = assets_with_task_mappings("etl", {one.task_id: [table] for one in tasks})

    spec = built(snapshot(*tasks), *mapped)["table"]

    assert "airlift/operator" not in spec.tags
    assert ("airlift/task-group" in spec.tags) == (not groups)
    told = {
        label: text for label, text in spec.metadata.items() if label.startswith(("Operator", "Task Group"))
    }
    assert told == operators | groups


@pytest.fixture
def with_collections() -> Iterator[None]:
    was_on = gc.isenabled()
    yield
    (gc.enable if was_on else gc.disable)()


@pytest.mark.usefixtures("with_collections")
@pytest.mark.parametrize("is_on", [pytest.param(True, id="on"), pytest.param(False, id="off")])
@pytest.mark.parametrize(
    "fails", [pytest.param(False, id="loads"), pytest.param(True, id="a function raises")]
)
def test_garbage_is_collected_after_definitions_are_made_as_before(*, is_on: bool, fails: bool) -> None:
    (gc.enable if is_on else gc.disable)()
    meanwhile: list[bool] = []

    def key_of(asset: AirflowAsset) -> dg.AssetKey:
        meanwhile.append(gc.isenabled())
        return dg.AssetKey([asset.uri][1 if fails else 0])

    taken = snapshot(task("etl", "a"), assets=[airflow_asset("s3://x", made_by=[("etl", "a")])])
    try:
        built(taken, airflow_asset_key_fn=key_of)
    except IndexError:
        assert fails

    assert meanwhile == [False]
    assert gc.isenabled() == is_on


# Python 3.12 has frozen objects from the start, and from 3.14 on there are other generations.
AGES = sys.version_info < (3, 14) and not gc.get_freeze_count()


def makes_old() -> bool:
    """Load, and tell whether what was made then counts as old."""
    made: list[dg.AssetKey] = []

    def key_of(asset: AirflowAsset) -> dg.AssetKey:
        made.append(dg.AssetKey([asset.uri]))
        return made[-1]

    built(
        snapshot(task("etl", "a"), assets=[airflow_asset("x", made_by=[("etl", "a")])]),
        airflow_asset_key_fn=key_of,
    )
    return any(one is made[0] for one in gc.get_objects(generation=2))


@pytest.mark.usefixtures("with_collections")
def test_what_a_load_makes_counts_as_old_but_not_without_end() -> None:
    gc.enable()
    gc.collect()

    olds = [makes_old() for _ in range(10)]
    gc.collect()

    assert olds == ([True] * 8 + [False] * 2 if AGES else [False] * 10)
    assert makes_old() == AGES


@pytest.mark.usefixtures("with_collections")
def test_what_you_have_frozen_stays_frozen() -> None:
    gc.enable()
    gc.collect()
    gc.freeze()
    try:
        assert not makes_old()
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()
