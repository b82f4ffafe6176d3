from __future__ import annotations

import base64
import logging
import zlib
from pathlib import Path

import dagster as dg
import pytest

# A code server and the processes that it starts are told apart by this context alone.
from dagster._core.definitions.definitions_load_context import (  # noqa: TID251
    DefinitionsLoadContext,
    DefinitionsLoadType,
)
from dagster._core.definitions.repository_definition import RepositoryLoadData  # noqa: TID251

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowFilter,
    AirflowInstance,
    AirflowSnapshot,
    SnapshotError,
    TaskHandle,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
    load_airflow_dag_asset_specs,
)
from dagster_airlift_core.loading import Loaded, default_path, load, state_key
from dagster_airlift_core.reading import Reading
from dagster_airlift_core.snapshot_file import SnapshotFile
from dagster_airlift_core.testing import FakeAirflow, Reply

DAG_KEY = dg.AssetKey(["prod", "dag", "etl"])
NOBODY = AirflowInstance(AirflowBasicAuthBackend("http://127.0.0.1:9", "viewer", "viewer"), "prod")


@dg.asset
def orders() -> None: ...


def peered(airflow: AirflowInstance, path: Path | None) -> dg.Definitions:
    defs = build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(assets=assets_with_task_mappings("etl", {"extract": [orders]})),
        snapshot_path=path,
    )
    dg.Definitions.validate_loadable(defs)
    return defs


def keys_of(defs: dg.Definitions) -> set[str]:
    return {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()}


def checked(defs: dg.Definitions) -> dict[str, tuple[bool, str]]:
    """Run all checks and return their outcomes."""
    checks = [check for check in defs.asset_checks or () if isinstance(check, dg.AssetChecksDefinition)]
    result = dg.materialize([*checks], selection=dg.AssetSelection.all_asset_checks())
    return {
        one.check_name: (one.passed, one.description or "") for one in result.get_asset_check_evaluations()
    }


def test_without_airflow_and_without_a_snapshot_your_own_definitions_load(tmp_path: Path) -> None:
    defs = peered(NOBODY, tmp_path / "prod.json")

    assert keys_of(defs) == {"orders", "prod/instance"}
    passed, reason = checked(defs)["airflow_snapshot_current"]
    assert not passed
    assert "There is no snapshot of the Airflow instance 'prod'" in reason
    assert "127.0.0.1:9" in reason


def test_a_damaged_snapshot_is_told_and_replaced(airflow: AirflowInstance, tmp_path: Path) -> None:
    path = tmp_path / "prod.json"
    path.write_text("nonsense")

    without = peered(NOBODY, path)
    with_airflow = peered(airflow, path)

    assert "is damaged" in checked(without)["airflow_snapshot_current"][1]
    assert checked(with_airflow)["airflow_snapshot_current"][0]
    assert SnapshotFile(path).read() is not None


def test_a_snapshot_that_cannot_be_written_is_only_a_warning(
    airflow: AirflowInstance, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()

    with caplog.at_level(logging.WARNING):
        defs = peered(airflow, tmp_path / "file" / "prod.json")

    assert "prod/dag/etl" in keys_of(defs)
    assert "cannot be written" in caplog.text


def test_a_dag_that_airflow_does_not_tell_keeps_the_tasks_that_were_known(
    fake: FakeAirflow, airflow: AirflowInstance, tmp_path: Path
) -> None:
    path = tmp_path / "prod.json"
    fake.add_dag("other", {"a": []})
    peered(airflow, path)
    fake.reply(*[Reply(500, {"detail": "no"})] * 20, path="dags/etl/tasks")

    defs = peered(airflow, path)

    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    assert specs[dg.AssetKey("orders")].tags["airlift/operator"] == "BashOperator"
    outcomes = checked(defs)
    assert set(outcomes) == {"airflow_snapshot_current"}
    assert (
        "The tasks of 1 of 2 DAGs could not be read, of etl because"
        in outcomes["airflow_snapshot_current"][1]
    )


def test_a_dag_whose_tasks_were_never_read_has_not_drifted(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    fake.reply(*[Reply(500, {"detail": "no"})] * 20, path="dags/etl/tasks")

    outcomes = checked(peered(airflow, None))

    assert set(outcomes) == {"airflow_snapshot_current"}


def test_a_right_that_is_missing_for_less_than_dags_is_noted(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    for path in ("assets$", "importErrors$"):
        fake.reply(*[Reply(403, {"detail": "Forbidden"})] * 3, path=path)

    snapshot = Reading(airflow).snapshot()

    assert set(snapshot.dags) == {"etl"}
    assert [note.split(":")[0] for note in snapshot.notes] == ["Airflow's assets", "Import problems"]


def test_a_slow_airflow_is_not_waited_for_all_day(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    for number in range(200):
        fake.add_dag(f"dag{number:03}", {"a": []})

    snapshot = Reading(airflow, tasks_within=0.0).snapshot()

    assert len(snapshot.dags) == 201
    assert len(snapshot.tasks_by_dag) + len(snapshot.unread) == 201
    assert "took more than" in snapshot.unread["etl"]


def test_an_airflow_that_dies_in_between_is_not_asked_for_every_dag(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    for number in range(200):
        fake.add_dag(f"dag{number:03}", {"a": []})
    fake.reply(*[Reply(503, {"detail": "no"}, headers={"Retry-After": "3600"})] * 200, path="/tasks$")

    snapshot = Reading(airflow).snapshot()

    asked = {request.path for request in fake.requests if request.path.endswith("/tasks")}
    assert len(asked) <= 64
    assert len(snapshot.unread) == 201
    assert "HTTP 503" in snapshot.unread["etl"]


def test_a_row_that_cannot_be_read_is_noted_and_stops_no_other(
    fake: FakeAirflow, airflow: AirflowInstance, caplog: pytest.LogCaptureFixture
) -> None:
    fake.add_dag("broken")
    fake.dags["broken"]["dag_id"] = None

    with caplog.at_level(logging.WARNING):
        snapshot = Reading(airflow).snapshot()

    assert set(snapshot.dags) == {"etl"}
    assert "Set aside a row: dag_id is None" in snapshot.notes[0]
    assert "set aside a row: dag_id is None" in caplog.text


def test_a_run_worker_gets_what_the_code_server_had_and_asks_nobody(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    def both() -> list[Loaded]:
        """Load twice, with functions that cannot be told apart."""
        return [
            load(Reading(airflow, selects=lambda dag, wanted=wanted: dag.dag_id == wanted), None)
            for wanted in ("etl", "none")
        ]

    with DefinitionsLoadContext.scoped(DefinitionsLoadContext(DefinitionsLoadType.INITIALIZATION)) as server:
        first = both()
        stored = server.get_pending_reconstruction_metadata()
    fake.add_dag("later")
    asked = len(fake.requests)
    worker = DefinitionsLoadContext(
        DefinitionsLoadType.RECONSTRUCTION, RepositoryLoadData(reconstruction_metadata=stored)
    )

    with DefinitionsLoadContext.scoped(worker):
        again = both()

    assert [sorted(loaded.snapshot.dags) for loaded in first if loaded.snapshot] == [["etl"], []]
    assert again == first
    assert len(fake.requests) == asked


def test_a_run_worker_of_another_release_asks_airflow(airflow: AirflowInstance) -> None:
    worker = DefinitionsLoadContext(
        DefinitionsLoadType.RECONSTRUCTION,
        RepositoryLoadData(reconstruction_metadata={state_key(Reading(airflow)): "of another release"}),
    )

    with DefinitionsLoadContext.scoped(worker):
        loaded = load(Reading(airflow), None)

    assert loaded.snapshot is not None
    assert loaded.stale_because is None


def test_what_travels_to_a_run_worker_comes_back(airflow: AirflowInstance) -> None:
    for loaded in (Loaded(None, "down"), Loaded(Reading(airflow).snapshot())):
        assert Loaded.from_state(loaded.to_state()) == loaded
    of_another_release = base64.b64encode(zlib.compress(b'["{}", null]')).decode()
    for text in ("x", of_another_release):
        with pytest.raises(SnapshotError, match="No state"):
            Loaded.from_state(text)


def test_validating_definitions_asks_nobody(
    fake: FakeAirflow, airflow: AirflowInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_IS_DEFS_VALIDATION_CLI", "1")

    defs = peered(airflow, None)

    assert keys_of(defs) == {"orders", "prod/instance"}
    assert not fake.requests


def test_the_last_good_snapshot_is_kept_below_dagster_home(
    airflow: AirflowInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    peered(airflow, None)

    (written,) = (tmp_path / "airlift").glob("*/*.json")
    assert SnapshotFile(written).read() is not None
    assert default_path(Reading(airflow), {}) is None


def test_loads_that_differ_have_states_of_their_own(airflow: AirflowInstance) -> None:
    readings = [
        Reading(airflow),
        Reading(AirflowInstance(AirflowBasicAuthBackend("http://127.0.0.1:9", "v", "v"), "test")),
        Reading(AirflowInstance(AirflowBasicAuthBackend("http://127.0.0.1:8", "v", "v"), "test")),
        Reading(airflow, only=AirflowFilter(airflow_tags=["a"])),
        Reading(airflow, with_sources=True),
    ]

    assert len({state_key(reading) for reading in readings}) == len(readings)
    assert state_key(Reading(airflow, only=AirflowFilter(airflow_tags=("a",)))) == state_key(readings[3])


def test_from_a_snapshot_nobody_is_asked(airflow: AirflowInstance) -> None:
    snapshot = Reading(airflow).snapshot()

    defs = build_defs_from_airflow_instance(
        airflow_instance=NOBODY, snapshot=AirflowSnapshot.from_json(snapshot.to_json())
    )

    assert keys_of(defs) == {"prod/dag/etl", "prod/instance"}
    assert checked(defs)["airflow_snapshot_current"][0]


def test_a_snapshot_holds_no_secret_and_no_source_unless_it_is_wanted(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    fake.add_asset("s3://a", producing=[("etl", "extract")])
    fake.sources["etl"] = "# the canary"

    plain, with_source = Reading(airflow).snapshot(), Reading(airflow, with_sources=True).snapshot()

    assert "not for Dagster" not in with_source.to_json()
    assert "canary" not in plain.to_json()
    assert with_source.sources == {"etl": "# the canary"}


def test_a_source_that_is_not_there_is_noted(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    del fake.sources["etl"]

    snapshot = Reading(airflow, with_sources=True).snapshot()

    assert snapshot.sources == {}
    assert "Source code of etl" in snapshot.notes[0]


def test_sources_that_there_is_no_time_for_are_noted_once(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    for number in range(20):
        fake.add_dag(f"dag{number}")

    snapshot = Reading(airflow, with_sources=True, tasks_within=-1.0).snapshot()

    assert snapshot.sources == {}
    (note,) = snapshot.notes
    assert note.startswith("Source code of dag0:")
    assert "took more than -1 s for the source code of all DAGs" in note


def test_filters_and_a_function_say_which_dags_are_read(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    fake.add_dag("a", {"t": []}, tags=["x"])
    fake.add_dag("b", {"t": []}, tags=["x"])

    snapshot = Reading(
        airflow, only=AirflowFilter(airflow_tags=["x"]), selects=lambda dag: dag.dag_id != "b"
    ).snapshot()

    assert set(snapshot.tasks) == {TaskHandle("a", "t")}


def test_dag_specs_alone_come_from_the_last_snapshot_too(airflow: AirflowInstance, tmp_path: Path) -> None:
    path = tmp_path / "prod.json"
    first = load_airflow_dag_asset_specs(airflow_instance=airflow, snapshot_path=path)

    last = load_airflow_dag_asset_specs(airflow_instance=NOBODY, snapshot_path=path)

    assert [spec.key for spec in first] == [spec.key for spec in last] == [DAG_KEY]
    assert load_airflow_dag_asset_specs(airflow_instance=NOBODY) == []


def test_a_dag_renamed_or_deleted_between_two_loads_leaves_its_assets(
    fake: FakeAirflow, airflow: AirflowInstance, tmp_path: Path
) -> None:
    path = tmp_path / "prod.json"
    peered(airflow, path)
    fake.remove_dag("etl")
    fake.add_dag("etl2", {"extract": []})

    defs = peered(airflow, path)

    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    assert set(specs) == {"orders", "prod/dag/etl2", "prod/instance"}
    assert specs["orders"].tags["airlift/status"] == "missing"
    outcomes = checked(defs)
    assert outcomes["airflow_snapshot_current"][0]
    assert outcomes["airflow_mapping_valid__prod"] == (
        False,
        "Airflow instance 'prod' has no DAG etl. Its DAGs are etl2. Did you mean etl2?",
    )
