"""Every shape of DAG, migrated task by task and as a whole, by the call in the file and by the policy."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, MappedOperator
from airflow.utils.db import initdb

from airflow.providers.dagster import wire
from airflow.providers.dagster.mapped import SETTINGS, ProxiedMappedOperator
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator
from airflow.providers.dagster.testing import FakeDagster
from airflow.providers.dagster.version_compat import AIRFLOW_3

if AIRFLOW_3:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.serialization.serialized_objects import DagSerialization
else:
    from airflow.models.dagbag import DagBag
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

# How Airflow's own operators import Airflow is theirs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The `airflow.utils.operator_helpers.determine_kwargs`"),
    pytest.mark.filterwarnings("ignore::airflow.providers.dagster.migration_state.MigrationStateWarning"),
]

FILES = sorted((Path(__file__).parent / "kitchen_sink").glob("*.py"))
CALL = """
from pathlib import Path
from airflow.providers.dagster.proxying import proxying_to_dagster
proxying_to_dagster(globals(), Path(__file__).parent / "migration_state")
"""
STAY = {
    "copies_over_a_result": {"names"},
    "mapped_group_over_a_result": {"names"},
    "branch": {"choose"},
    "short_circuit": {"go_on"},
    "latest_only": {"latest"},
    "hooks": {"load"},
}
"""Tasks that only Airflow can run."""
SKIPPED = {
    "trigger_rules": {"all_failed", "one_failed", "all_skipped"},
    "no_copies": {"load"},
    "branch": {"right"},
    "short_circuit": {"a", "b"},
    "copies_over_a_result": {"show", "total"},
}
"""Tasks of which at least one copy is skipped."""
NOT_AS_A_WHOLE = {
    *("copies", "copies_by_kwargs", "copies_of_a_function", "copies_of_a_sensor", "copies_of_nothing"),
    *("copies_over_a_result", "mapped_group", "mapped_group_over_a_result", "product_of_copies"),
}
"""DAGs of which each task is mapped, or comes after one that is and may come to nothing."""
OF_THE_CLASS = {
    *("task_type", "_task_type", "_task_module", "_operator_name", "_is_empty", "_is_sensor"),
    *("template_fields", "template_ext", "template_fields_renderers", "python_callable_name"),
    *("ui_color", "ui_fgcolor", "_operator_extra_links", "operator_extra_links", "operator_class"),
    *(
        "doc_md",
        "deps",
        "reschedule",
        "start_trigger_args",
        "start_from_trigger",
        "dagster_conn_id",
        "op_args",
        "op_kwargs",
    ),
}
"""What a task's JSON says about its operator, and the documentation that says what has become of it."""


@pytest.fixture(params=["call", "policy"])
def kitchen(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The DAG files, with the call or with the policy turned on, and a folder for their migration state."""
    for path in FILES:
        (tmp_path / path.name).write_text(path.read_text() + (CALL if request.param == "call" else ""))
    (tmp_path / "migration_state").mkdir()
    if request.param == "policy":
        monkeypatch.setenv("AIRFLOW__DAGSTER__MIGRATION_STATE_PATH", "migration_state")
    return tmp_path


def read(folder: Path) -> DagBag:
    arguments = {"bundle_name": "dags-folder"} if AIRFLOW_3 else {"include_examples": False}
    bag = DagBag(str(folder), **arguments)
    assert bag.import_errors == {}
    return bag


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DAG]:
    folder = tmp_path_factory.mktemp("originals")
    for path in FILES:
        shutil.copy(path, folder)
    return dict(read(folder).dags)


def migrate_tasks(folder: Path, dags: dict[str, DAG], count: int) -> None:
    """Migrate the first tasks of each DAG, in the order of the file."""
    for dag in dags.values():
        lines = [f"- {{id: {task_id}, migrated: true}}" for task_id in dag.task_ids[:count]]
        (folder / "migration_state" / f"{dag.dag_id}.yaml").write_text("\n".join(["tasks:", *lines]))


def migrate_wholes(folder: Path, dags: dict[str, DAG]) -> None:
    for dag_id in dags:
        (folder / "migration_state" / f"{dag_id}.yaml").write_text("migrated: true")


def proxied(dag: DAG) -> set[str]:
    kinds = (DagsterProxyOperator, ProxiedMappedOperator)
    return {task.task_id for task in dag.tasks if isinstance(task, kinds)}


def encoded(dag: DAG) -> dict[str, Any]:
    written = DagSerialization.to_dict(dag)
    assert DagSerialization.from_dict(written).dag_id == dag.dag_id
    content: dict[str, Any] = written["dag"]
    for key in ("fileloc", "_processor_dags_folder", "relative_fileloc"):
        content.pop(key, None)
    return content


def shape(written: dict[str, Any], original: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a task's JSON says about its place and settings."""
    own = OF_THE_CLASS | {*original.template_fields, *DagsterProxyOperator.template_fields}
    kept = {key: value for key, value in written.items() if key not in own}
    if isinstance(original, MappedOperator) and "partial_kwargs" in kept:
        kept["partial_kwargs"] = {
            key: value
            for key, value in kept["partial_kwargs"].items()
            if key != "doc_md" and (key in SETTINGS or key.startswith("has_"))
        }
    return kept


def assert_same_shape(before: DAG, after: DAG) -> None:
    old, new = encoded(before), encoded(after)
    tasks = zip(old.pop("tasks"), new.pop("tasks"), strict=True)
    for was, now in tasks:
        original = before.get_task(was["__var"]["task_id"])
        assert shape(now["__var"], original) == shape(was["__var"], original)
    for marking in ("tags", "doc_md"):
        old.pop(marking, None)
        new.pop(marking, None)
    assert new == old


def test_the_kitchen_sink_is_large(originals: dict[str, DAG]) -> None:
    assert len(originals) >= 25


@pytest.mark.parametrize("count", [1, 2, 3, 99])
def test_task_by_task_every_dag_keeps_its_shape(kitchen: Path, originals: dict[str, DAG], count: int) -> None:
    migrate_tasks(kitchen, originals, count)

    dags = read(kitchen).dags

    assert set(dags) == set(originals)
    for dag_id, before in originals.items():
        assert proxied(dags[dag_id]) == set(before.task_ids[:count]) - STAY.get(dag_id, set())
        assert_same_shape(before, dags[dag_id])


def test_as_a_whole_every_dag_keeps_its_shape(kitchen: Path, originals: dict[str, DAG]) -> None:
    migrate_wholes(kitchen, originals)

    dags = read(kitchen).dags

    for dag_id, before in originals.items():
        is_refused = dag_id in NOT_AS_A_WHOLE
        assert proxied(dags[dag_id]) == (
            set() if is_refused else set(before.task_ids) - STAY.get(dag_id, set())
        )
        assert_same_shape(before, dags[dag_id])
        if is_refused:
            reason = f"DAG {dag_id!r} cannot be migrated as a whole: none of its tasks runs every time."
            assert f"migration_state/{dag_id}.yaml:1: {reason}" in (dags[dag_id].doc_md or "")


@pytest.fixture(scope="module")
def database() -> None:
    """Airflow's, as `airflow db migrate` makes it."""
    initdb(**({} if AIRFLOW_3 else {"load_connections": False}))
    if AIRFLOW_3:
        DagBundlesManager().sync_bundles_to_db()


def store(bag: DagBag) -> dict[str, DAG]:
    """Let Airflow's database know the DAGs, as a DAG processor does."""
    if AIRFLOW_3:
        sync_bag_to_db(bag, "dags-folder", None)
    else:
        bag.sync_to_db()
    return dict(bag.dags)


def run(dag: DAG) -> dict[str, list[str]]:
    """Run a DAG in this process, as `airflow dags test` does, and give the states of the copies of each task."""
    dag_run = dag.test()
    assert dag_run.state == "success", dag.dag_id
    states: dict[str, list[str]] = {}
    for ti in dag_run.get_task_instances():
        states.setdefault(ti.task_id, []).append(str(ti.state))
    return states


def map_assets(dagster: FakeDagster, dag: DAG) -> None:
    for task_id in dag.task_ids:
        dagster.add_asset(f"{dag.dag_id}/{task_id}", ("prod", dag.dag_id, task_id))


def assert_all_ended(dag: DAG, states: dict[str, list[str]]) -> None:
    assert set(states) == set(dag.task_ids)
    assert all(set(found) <= {"success", "skipped"} for found in states.values()), states
    assert {task_id for task_id, found in states.items() if "skipped" in found} == SKIPPED.get(
        dag.dag_id, set()
    )


@pytest.mark.filterwarnings("default")  # Airflow runs here as a whole, and what warns is its own affair
@pytest.mark.usefixtures("database", "connection")
def test_task_by_task_every_dag_runs(kitchen: Path, originals: dict[str, DAG], dagster: FakeDagster) -> None:
    migrate_tasks(kitchen, originals, 99)
    dags = store(read(kitchen))
    dagster.launch_statuses = ("SUCCESS",)
    for dag in dags.values():
        for task_id in dag.task_ids:
            dagster.add_asset(f"{dag.dag_id}/{task_id}", ("prod", dag.dag_id, task_id))

    states = {dag_id: run(dag) for dag_id, dag in dags.items()}

    for dag_id, dag in dags.items():
        assert_all_ended(dag, states[dag_id])
        launched = [each for each in dagster.runs.values() if each.tags[wire.DAG_ID_TAG] == dag_id]
        assert len(launched) == sum(states[dag_id][task_id].count("success") for task_id in proxied(dag))


@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("database", "connection")
def test_as_a_whole_every_dag_runs(kitchen: Path, originals: dict[str, DAG], dagster: FakeDagster) -> None:
    migrate_wholes(kitchen, originals)
    dags = store(read(kitchen))
    dagster.launch_statuses = ("SUCCESS",)
    for dag_id in dags:
        dagster.add_asset(dag_id, ("prod", dag_id))

    states = {dag_id: run(dag) for dag_id, dag in dags.items() if dag_id not in NOT_AS_A_WHOLE}

    for dag_id, found in states.items():
        assert_all_ended(dags[dag_id], found)
        launched = [each for each in dagster.runs.values() if each.tags[wire.DAG_ID_TAG] == dag_id]
        # What a short circuit skips has nothing to run in Dagster either.
        assert len(launched) == (dag_id != "short_circuit"), dag_id


@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("database", "connection")
@pytest.mark.parametrize(("copies", "map_indexes"), [("each", {"0", "1"}), ("once", {"0"})])
def test_each_copy_runs_or_one_for_all(
    kitchen: Path, dagster: FakeDagster, copies: str, map_indexes: set[str]
) -> None:
    state = kitchen / "migration_state" / "copies.yaml"
    state.write_text(f"tasks: [{{id: load, migrated: true, mapped: {copies}}}]")
    dagster.add_asset("load", ("prod", "copies", "load"))
    dagster.launch_statuses = ("SUCCESS",)
    dag = store(read(kitchen))["copies"]

    states = run(dag)

    assert states == {"load": ["success", "success"], "end": ["success"]}
    assert {each.tags[wire.MAP_INDEX_TAG] for each in dagster.runs.values()} == map_indexes
