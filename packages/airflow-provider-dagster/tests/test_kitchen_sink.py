"""Every shape of DAG, migrated task by task and as a whole, by the call in the file and by the policy."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, MappedOperator

import airflow
from airflow.providers.dagster.mapped import SETTINGS, ProxiedMappedOperator
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator

AIRFLOW_3 = not airflow.__version__.startswith("2.")

if AIRFLOW_3:
    from airflow.dag_processing.dagbag import DagBag
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
    "copies_over_a_result": {"show"},
}
"""Tasks of which at least one copy is skipped."""
NOT_AS_A_WHOLE = {
    "copies": "the asset events of load would come before",
    "copies_by_kwargs": "none of its tasks runs every time",
    "copies_of_a_function": "none of its tasks runs every time",
    "copies_of_a_sensor": "none of its tasks runs every time",
    "mapped_group_over_a_result": "none of its tasks runs every time",
    "product_of_copies": "none of its tasks runs every time",
}
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


def read(folder: Path) -> dict[str, DAG]:
    arguments = {"bundle_name": "dags-folder"} if AIRFLOW_3 else {"include_examples": False}
    bag = DagBag(str(folder), **arguments)
    assert bag.import_errors == {}
    return dict(bag.dags)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DAG]:
    folder = tmp_path_factory.mktemp("originals")
    for path in FILES:
        shutil.copy(path, folder)
    return read(folder)


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
    own = OF_THE_CLASS | set(original.template_fields)
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

    dags = read(kitchen)

    assert set(dags) == set(originals)
    for dag_id, before in originals.items():
        assert proxied(dags[dag_id]) == set(before.task_ids[:count]) - STAY.get(dag_id, set())
        assert_same_shape(before, dags[dag_id])


def test_as_a_whole_every_dag_keeps_its_shape(kitchen: Path, originals: dict[str, DAG]) -> None:
    migrate_wholes(kitchen, originals)

    dags = read(kitchen)

    for dag_id, before in originals.items():
        is_refused = dag_id in NOT_AS_A_WHOLE
        assert proxied(dags[dag_id]) == (
            set() if is_refused else set(before.task_ids) - STAY.get(dag_id, set())
        )
        assert_same_shape(before, dags[dag_id])
        if is_refused:
            reason = f"DAG {dag_id!r} cannot be migrated as a whole: {NOT_AS_A_WHOLE[dag_id]}"
            assert f"migration_state/{dag_id}.yaml:1: {reason}" in (dags[dag_id].doc_md or "")
