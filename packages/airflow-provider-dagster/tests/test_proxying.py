import os
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    Asset,
    BaseOperator,
    TaskGroup,
    setup,
    task,
    teardown,
)
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import ShortCircuitOperator

from airflow.providers.dagster.migration_state import MigrationStateWarning
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator, UnreadableStateOperator
from airflow.providers.dagster.proxying import proxying_to_dagster
from airflow.providers.dagster.targets import MappedToDag, MappedToTask
from airflow.providers.dagster.version_compat import AIRFLOW_3

if AIRFLOW_3:
    from airflow.serialization.serialized_objects import DagSerialization
else:
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

NOTE = (
    "**Run by Dagster** instead of {was}: the assets that are mapped to `{task}` of DAG `etl`. To run it in Airflow "
    "again, set `migrated: false` for it in `migration_state/etl.yaml`."
)


def write(folder: Path, *task_ids: str, dag_id: str = "etl", migrated: str = "true") -> Path:
    path = folder / f"{dag_id}.yaml"
    path.write_text(
        "\n".join(["tasks:", *(f"- {{id: {task_id}, migrated: {migrated}}}" for task_id in task_ids)])
    )
    return path


def classic() -> DAG:
    def notify(_: object) -> None: ...

    start = datetime(2026, 1, 1, tzinfo=UTC)
    arguments = {"owner": "etl-team", "retries": 3, "retry_delay": timedelta(seconds=7), "params": {"x": 1}}
    with DAG(
        "etl", schedule="@daily", start_date=start, default_args=arguments, tags=["ours"], params={"y": 2}
    ) as dag:
        load = BashOperator(
            task_id="load",
            bash_command="load {{ params.x }}",
            pool="warehouse",
            pool_slots=2,
            queue="big",
            priority_weight=5,
            weight_rule="upstream",
            trigger_rule="none_failed",
            depends_on_past=True,
            retry_exponential_backoff=2 if AIRFLOW_3 else True,
            max_retry_delay=timedelta(minutes=5),
            execution_timeout=timedelta(hours=1),
            executor="LocalExecutor",
            executor_config={"memory": "1G"},
            max_active_tis_per_dag=3,
            max_active_tis_per_dagrun=2,
            on_failure_callback=notify,
            on_success_callback=[notify],
            inlets=[Asset("s3://raw/orders")],
            outlets=[Asset("s3://clean/orders")],
            task_display_name="Load the orders",
            doc_md="Loads.",
            run_as_user="etl",
            do_xcom_push=False,
        )
        BashOperator(task_id="extract", bash_command="x", wait_for_downstream=True) >> load
        load >> EmptyOperator(task_id="done", outlets=[Asset("s3://done")])
    return dag


def taskflow() -> DAG:
    with DAG("etl", schedule=None) as dag:

        @task(retries=2)
        def extract() -> dict[str, int]:
            return {"rows": 1}

        @task(multiple_outputs=True)
        def load(rows: dict[str, int]) -> dict[str, int]:
            return rows

        @task
        def check(rows: int) -> int:
            return rows

        check(load(extract())["rows"])
    return dag


def groups() -> DAG:
    with DAG("etl", schedule=None) as dag:
        start = EmptyOperator(task_id="start")
        with TaskGroup("outer", tooltip="all of it", default_args={"retries": 4}) as outer:
            with TaskGroup("inner", prefix_group_id=False):
                BashOperator(task_id="load", bash_command="x") >> BashOperator(
                    task_id="check", bash_command="x"
                )
            with TaskGroup("deep"):
                BashOperator(task_id="load", bash_command="x")
        start >> outer >> EmptyOperator(task_id="end")
    return dag


def setups() -> DAG:
    with DAG("etl", schedule=None) as dag:

        @setup
        def create() -> str:
            return "cluster"

        @teardown(on_failure_fail_dagrun=True)
        def delete(cluster: str) -> None: ...

        cluster = create()
        with delete(cluster):
            BashOperator(task_id="load", bash_command="x")
        start = BashOperator(task_id="start", bash_command="x").as_setup()
        work = BashOperator(task_id="work", bash_command="x")
        start >> work >> BashOperator(task_id="stop", bash_command="x").as_teardown(setups=start)
    return dag


SHAPES: list[Callable[[], DAG]] = [classic, taskflow, groups, setups]
OF_THE_CLASS = {
    *(
        "task_type",
        "_task_type",
        "_task_module",
        "_operator_name",
        "template_fields",
        "template_ext",
        "template_fields_renderers",
    ),
    *("ui_color", "ui_fgcolor", "doc_md", "_operator_extra_links", "_is_empty", "python_callable_name"),
}


def serialized(dag: DAG) -> dict[str, Any]:
    encoded: dict[str, Any] = DagSerialization.to_dict(dag)
    assert DagSerialization.from_dict(encoded).dag_id == dag.dag_id
    return encoded["dag"]


def without_class(encoded: dict[str, Any], original: BaseOperator) -> dict[str, Any]:
    own = OF_THE_CLASS | set(original.template_fields) | set(DagsterProxyOperator.template_fields)
    return {key: value for key, value in encoded.items() if key not in own}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_proxied_dag_differs_in_the_class_of_its_tasks_only(shape: Callable[[], DAG], folder: Path) -> None:
    before, dag = shape(), shape()
    write(folder, *dag.task_ids)
    edges = {task.task_id: (task.upstream_task_ids, task.downstream_task_ids) for task in before.tasks}

    proxying_to_dagster({"dag": dag}, folder)

    old, new = serialized(before), serialized(dag)
    assert {type(task) for task in dag.tasks} == {DagsterProxyOperator}
    assert {t.task_id: (t.upstream_task_ids, t.downstream_task_ids) for t in dag.tasks} == edges
    for was, now in zip(old.pop("tasks"), new.pop("tasks"), strict=True):
        original = before.get_task(was["__var"]["task_id"])
        assert without_class(now["__var"], original) == without_class(was["__var"], original)
        assert now["__var"]["_operator_name"] == "DagsterProxy"
    count = len(dag.task_ids)
    assert set(new.pop("tags")) == {*old.pop("tags", ()), f"dagster: {count}/{count} proxied"}
    assert new == old


def test_a_task_that_is_not_migrated_stays_as_it_is(folder: Path) -> None:
    before, dag = classic(), classic()
    write(folder, *dag.task_ids, migrated="false")
    load = dag.get_task("load")

    proxying_to_dagster({"dag": dag}, folder)

    assert serialized(dag) == serialized(before)
    assert dag.get_task("load") is load
    assert set(dag.tags) == {"ours"}


def test_the_task_says_what_it_replaces_and_how_to_go_back(folder: Path) -> None:
    dag = classic()
    write(folder, "load", "extract")

    proxying_to_dagster({"dag": dag}, folder, dagster_conn_id="dagster_prod")

    load, extract = dag.get_task("load"), dag.get_task("extract")
    assert load.doc_md == "Loads.\n\n" + NOTE.format(was="BashOperator", task="load")
    assert extract.doc_md == NOTE.format(was="BashOperator", task="extract")
    assert load.dagster_conn_id == "dagster_prod"
    assert set(dag.tags) == {"ours", "dagster: 2/3 proxied"}


@pytest.mark.parametrize(("given", "expected"), [(None, False), (True, True), (False, False)])
def test_the_tasks_wait_where_that_is_said_or_where_airflow_says(
    folder: Path,
    given: bool | None,  # noqa: FBT001
    expected: bool,  # noqa: FBT001
) -> None:
    dag = classic()
    write(folder, "load")

    proxying_to_dagster({"dag": dag}, folder, deferrable=given, cancel_on_kill=False)

    load = dag.get_task("load")
    assert isinstance(load, DagsterProxyOperator)
    assert (load.deferrable, load.cancel_on_kill) == (expected, False)


def test_callbacks_and_default_arguments_are_kept(folder: Path) -> None:
    dag = classic()
    before = dag.get_task("load")
    write(folder, "load")

    proxying_to_dagster({"dag": dag}, folder)

    after = dag.get_task("load")
    names = (
        "on_failure_callback",
        "on_success_callback",
        "executor_config",
        "inlets",
        "outlets",
        *(["default_args"] if AIRFLOW_3 else []),
    )
    assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]
    assert after.params.dump() == before.params.dump()


def test_calling_twice_swaps_once(folder: Path) -> None:
    dag = classic()
    path = write(folder, "load", "laod")

    with pytest.warns(MigrationStateWarning):
        proxying_to_dagster({"dag": dag}, folder)
    once, task_once = serialized(dag), dag.get_task("load")
    with pytest.warns(MigrationStateWarning):
        proxying_to_dagster({"dag": dag, "again": dag, "path": path}, folder)

    assert dag.get_task("load") is task_once
    assert serialized(dag) == once


def test_the_call_may_stand_inside_of_the_dag(folder: Path) -> None:
    write(folder, "g.load")
    with DAG("etl", schedule=None) as dag, TaskGroup("g"):
        BashOperator(task_id="load", bash_command="x")
        proxying_to_dagster({"dag": dag}, folder)
        BashOperator(task_id="later", bash_command="x")

    assert dag.task_ids == ["g.load", "g.later"]
    assert isinstance(dag.get_task("g.load"), DagsterProxyOperator)
    serialized(dag)


def test_a_task_that_the_dag_lacks_is_named_with_the_nearest_and_the_rest_goes_on(folder: Path) -> None:
    dag = classic()
    path = write(folder, "laod", "zzz", "load")

    with pytest.warns(MigrationStateWarning) as caught:
        proxying_to_dagster({"dag": dag}, folder)

    first = "migration_state/etl.yaml:2: DAG 'etl' has no task 'laod'. Did you mean 'load'?"
    second = "migration_state/etl.yaml:3: DAG 'etl' has no task 'zzz'. Its tasks are done, extract, load."
    assert {"dagster: see DAG docs", "dagster: 1/3 proxied"} <= set(dag.tags)
    assert [str(warning.message) for warning in caught] == [first, second]
    assert (caught[0].filename, caught[0].lineno) == (str(path), 2)
    assert dag.doc_md == f"**Migration to Dagster:** {first}\n\n**Migration to Dagster:** {second}"
    assert isinstance(dag.get_task("load"), DagsterProxyOperator)


def test_what_cannot_be_proxied_stays_and_is_named(folder: Path) -> None:
    with DAG("etl", schedule=None, doc_md="Ours.") as dag:
        ShortCircuitOperator(task_id="go_on", python_callable=bool)
    write(folder, "go_on")

    with pytest.warns(MigrationStateWarning, match="task 'go_on' of DAG 'etl' stays on Airflow: it decides"):
        proxying_to_dagster({"dag": dag}, folder)

    assert isinstance(dag.get_task("go_on"), ShortCircuitOperator)
    assert set(dag.tags) == {"dagster: see DAG docs"}
    assert (dag.doc_md or "").startswith(
        "Ours.\n\n**Migration to Dagster:** migration_state/etl.yaml:2: task 'go_on'"
    )


def test_a_mapped_task_that_is_not_migrated_is_no_problem(folder: Path) -> None:
    with DAG("etl", schedule=None) as dag:
        BashOperator.partial(task_id="mapped").expand(bash_command=["a", "b"])
    write(folder, "mapped", migrated="false")

    proxying_to_dagster({"dag": dag}, folder)

    assert dag.doc_md is None


@pytest.mark.parametrize(("copies", "says"), [("each", ", for each copy"), ("once", ", once for all copies")])
def test_a_mapped_task_says_what_its_copies_do(folder: Path, copies: str, says: str) -> None:
    with DAG("etl", schedule=None) as dag:
        BashOperator.partial(task_id="load", doc_md="Loads.").expand(bash_command=["a", "b"])
    (folder / "etl.yaml").write_text(f"tasks: [{{id: load, migrated: true, mapped: {copies}}}]")

    proxying_to_dagster({"dag": dag}, folder)

    load = dag.get_task("load")
    note = NOTE.format(was="BashOperator", task="load").replace("`etl`.", f"`etl`{says}.", 1)
    assert load.doc_md == f"Loads.\n\n{note}"
    assert load.operator_name == "DagsterProxy"
    assert set(dag.tags) == {"dagster: 1/1 proxied"}


def test_a_task_without_copies_of_which_one_should_run_is_proxied_and_named(folder: Path) -> None:
    dag = classic()
    (folder / "etl.yaml").write_text("tasks: [{id: load, migrated: true, mapped: once}]")

    with pytest.warns(
        MigrationStateWarning, match="task 'load' of DAG 'etl' has no copies, so `mapped: once` says"
    ):
        proxying_to_dagster({"dag": dag}, folder)

    assert isinstance(dag.get_task("load"), DagsterProxyOperator)


def test_of_a_whole_dag_one_task_runs_what_is_mapped_to_it(folder: Path) -> None:
    dag = classic()
    (folder / "etl.yaml").write_text("migrated: true")

    proxying_to_dagster({"dag": dag}, folder)

    targets = {task.task_id: getattr(task, "target", None) for task in dag.tasks}
    other = MappedToTask(required=False)
    assert targets == {"extract": MappedToDag(), "load": other, "done": other}
    assert dag.get_task("extract").doc_md == (
        "**Run by Dagster** instead of BashOperator: the assets that are mapped to `extract` of DAG `etl` and to the "
        "DAG as a whole. To run the DAG in Airflow again, set `migrated: false` in `migration_state/etl.yaml`."
    )
    assert (dag.get_task("done").doc_md or "").startswith(
        "**Run by Dagster** instead of EmptyOperator: the assets that are mapped to `done` of DAG `etl`, if there are"
    )
    assert set(dag.tags) == {"ours", "dagster: 3/3 proxied"}


def test_a_whole_dag_that_is_not_migrated_stays_as_it_is(folder: Path) -> None:
    before, dag = classic(), classic()
    (folder / "etl.yaml").write_text("migrated: false")

    proxying_to_dagster({"dag": dag}, folder)

    assert serialized(dag) == serialized(before)


def test_calling_twice_for_a_whole_dag_swaps_once(folder: Path) -> None:
    dag = taskflow()
    (folder / "etl.yaml").write_text("migrated: true")

    proxying_to_dagster({"dag": dag}, folder)
    once, tasks = serialized(dag), list(dag.tasks)
    proxying_to_dagster({"dag": dag}, folder)

    assert dag.tasks == tasks
    assert serialized(dag) == once


def test_a_broken_file_breaks_its_own_dag_only(folder: Path) -> None:
    dag, other = classic(), DAG("other", schedule=None)
    EmptyOperator(task_id="load", dag=other)
    edges = {task.task_id: set(task.upstream_task_ids) for task in dag.tasks}
    path = folder / "etl.yaml"
    path.write_text("tasks:\n\n  - {id: load}")
    write(folder, "load", dag_id="other")

    with pytest.warns(MigrationStateWarning) as caught:
        proxying_to_dagster({"dag": dag, "other": other}, folder)

    problem = (
        "migration_state/etl.yaml:3:5: expected a task like {id: load, migrated: true}, found {'id': 'load'}."
    )
    assert str(caught[0].message) == problem
    assert (caught[0].filename, caught[0].lineno) == (str(path), 3)
    assert {type(task) for task in dag.tasks} == {UnreadableStateOperator}
    assert {task.task_id: set(task.upstream_task_ids) for task in dag.tasks} == edges
    assert dag.get_task("load").reason == (
        "The migration state of DAG 'etl' cannot be read, so it is not known whether Airflow or Dagster has to run "
        f"this task. {problem} Correct the file."
    )
    assert "dagster: migration state unreadable" in dag.tags
    assert problem in (dag.doc_md or "")
    assert isinstance(other.get_task("load"), DagsterProxyOperator)
    serialized(dag)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_broken_file_keeps_the_shape_of_its_dag(shape: Callable[[], DAG], folder: Path) -> None:
    before, dag = shape(), shape()
    (folder / "etl.yaml").write_text("tasks:")

    with pytest.warns(MigrationStateWarning):
        proxying_to_dagster({"dag": dag}, folder)
    with pytest.warns(MigrationStateWarning):
        proxying_to_dagster({"dag": dag}, folder)

    old, new = serialized(before), serialized(dag)
    for was, now in zip(old["tasks"], new["tasks"], strict=True):
        original = before.get_task(was["__var"]["task_id"])
        assert without_class(now["__var"], original) == without_class(was["__var"], original)


def test_a_broken_file_stands_in_for_mapped_and_branching_tasks_too(folder: Path) -> None:
    with DAG("etl", schedule=None) as dag:

        @task
        def names() -> list[str]:
            return ["a"]

        @task.branch
        def choose() -> str:
            return "mapped"

        choose() >> BashOperator.partial(task_id="mapped", retries=3).expand(bash_command=names())
    (folder / "etl.yaml").write_text("tasks:")

    with pytest.warns(MigrationStateWarning):
        proxying_to_dagster({"dag": dag}, folder)

    assert {type(task) for task in dag.tasks} == {UnreadableStateOperator}
    assert dag.get_task("mapped").retries == 3
    assert dag.get_task("mapped").upstream_task_ids == {"choose", "names"}
    serialized(dag)


def test_without_the_folder_nothing_is_migrated_and_a_warning_says_so(folder: Path) -> None:
    dag = classic()

    with pytest.warns(
        MigrationStateWarning, match="The folder 'absent' of the migration state does not exist"
    ) as caught:
        proxying_to_dagster({"dag": dag}, folder / "absent")

    assert caught[0].filename == __file__
    assert set(dag.tags) == {"ours"}


def test_parsing_touches_neither_the_network_nor_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "load")
    calls: list[str] = []
    sys.addaudithook(lambda event, _: calls.append(event) if event.startswith("socket.connect") else None)
    environment = dict(os.environ)
    monkeypatch.setenv("AIRFLOW_CONN_DAGSTER_DEFAULT", "nonsense")

    with warnings.catch_warnings():
        proxying_to_dagster({"dag": classic()}, folder)
    monkeypatch.undo()

    assert calls == []
    assert dict(os.environ) == environment


NAMELESS = """
from pathlib import Path

from airflow.providers.dagster.proxying import proxying_to_dagster
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.common.compat.sdk import DAG, dag, task

with DAG("entered", schedule=None):
    BashOperator(task_id="load", bash_command="true")

def make(dag_id):
    with DAG(dag_id, schedule=None):
        BashOperator(task_id="load", bash_command="true")

for country in ("lv", "pt"):
    make(f"made_{country}")

@dag("decorated", schedule=None)
def decorated():
    @task
    def load(): ...
    load()

decorated()

proxying_to_dagster(globals(), Path(__file__).parent / "migration_state")
"""


@pytest.mark.parametrize("dag_id", ["entered", "made_lv", "made_pt", "decorated"])
def test_a_dag_without_a_name_in_the_module_is_found_too(
    tmp_path: Path, folder: Path, read_dags: Callable[[Path], Any], dag_id: str
) -> None:
    write(folder, "load", dag_id=dag_id)
    (tmp_path / "dags.py").write_text(NAMELESS)

    bag = read_dags(tmp_path / "dags.py")

    assert bag.import_errors == {}
    proxied = {dag.dag_id for dag in bag.dags.values() if is_proxied(dag.get_task("load"))}
    assert proxied == {dag_id}


def is_proxied(operator: BaseOperator) -> bool:
    return isinstance(operator, DagsterProxyOperator)
