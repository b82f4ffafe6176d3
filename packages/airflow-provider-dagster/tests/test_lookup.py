import logging
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import AmbiguousAssets, DagsterError, NothingToRun
from airflow.providers.dagster.lookup import Lookup
from airflow.providers.dagster.mapping_cache import MappingCache
from airflow.providers.dagster.patience import Patience
from airflow.providers.dagster.selection import Wanted
from airflow.providers.dagster.testing import FakeClock, FakeDagster, FakeDays

LOG = logging.getLogger("lookup")
TASK = ("prod", "etl", "load")
MINE = Wanted("prod", "etl", "load")
LOOK_UP = ["AirflowMappingIndex", "AirflowMappedAssets"]
SCAN = ["AirflowMappingIndex", "AirflowRepositoryMappings", "AirflowMappedAssets"]


@pytest.fixture
def lookup(dagster: FakeDagster, client: DagsterClient, clock: FakeClock, tmp_path: Path) -> Lookup:
    return Lookup(client, Patience(30.0, clock, LOG), MappingCache(tmp_path / "cache", dagster.url), LOG)


def names(lookup: Lookup, wanted: Wanted = MINE) -> list[str]:
    return [asset.name for assets in lookup.select(wanted).by_location for asset in assets]


def operations(dagster: FakeDagster) -> list[str]:
    return [request.operation for request in dagster.requests]


def test_two_small_answers_are_enough_at_any_size_of_the_deployment(
    dagster: FakeDagster, lookup: Lookup
) -> None:
    for number in range(20_000):
        dagster.add_asset(
            f"group_{number % 100}/table_{number}",
            ("prod", "other", "x"),
            partitions=FakeDays("2012-01-01", 5000),
        )
    dagster.add_asset("raw/orders", TASK, partitions=FakeDays("2012-01-01", 5000))
    dagster.add_dag_asset("prod", "etl")

    found = names(lookup)

    assert found == ["raw/orders"]
    assert operations(dagster) == LOOK_UP
    assert dagster.bytes_sent < 5_000


def test_a_location_without_the_dag_asset_is_not_missed_and_read_once(
    dagster: FakeDagster, lookup: Lookup
) -> None:
    dagster.add_asset("orders", TASK)
    dagster.add_dag_asset("prod", "etl")
    dagster.add_asset("customers", TASK, location="other")

    assert names(lookup) == ["orders", "customers"]
    assert operations(dagster) == SCAN
    dagster.requests.clear()
    assert names(lookup) == ["orders", "customers"]
    assert operations(dagster) == LOOK_UP


def test_a_location_that_was_reloaded_is_read_again(dagster: FakeDagster, lookup: Lookup) -> None:
    dagster.add_asset("orders", TASK)
    names(lookup)
    dagster.add_asset("customers", TASK)
    assert names(lookup) == ["orders"]

    dagster.reload()

    assert names(lookup) == ["customers", "orders"]


def test_what_is_remembered_decides_nothing_by_itself(dagster: FakeDagster, lookup: Lookup) -> None:
    dagster.add_asset("orders", TASK)
    names(lookup)

    dagster.assets.nodes.clear()
    dagster.add_asset("orders", ("prod", "etl", "another"))

    with pytest.raises(NothingToRun):
        names(lookup)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"version": 1, "assets": [{}]}'])
def test_a_file_that_cannot_be_read_is_as_good_as_none(
    dagster: FakeDagster, lookup: Lookup, content: str
) -> None:
    dagster.add_asset("orders", TASK)
    names(lookup)
    for path in lookup.cache.folder.iterdir():
        path.write_text(content)

    assert names(lookup) == ["orders"]


def test_a_folder_that_cannot_be_written_is_as_good_as_none(
    dagster: FakeDagster, client: DagsterClient, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    cache = MappingCache(tmp_path / "file", dagster.url)
    dagster.add_asset("orders", TASK)

    assert names(Lookup(client, Patience(30.0, clock, LOG), cache, LOG)) == ["orders"]


@pytest.mark.parametrize(
    ("wanted", "remedy"),
    [
        pytest.param(Wanted("", "etl", "load"), "[dagster] instance_name does not say", id="no name"),
        pytest.param(MINE, "no DAG asset of 'etl' of Airflow instance 'prod'", id="no DAG asset"),
    ],
)
def test_reading_more_than_needed_is_told_with_the_remedy(
    dagster: FakeDagster, lookup: Lookup, caplog: pytest.LogCaptureFixture, wanted: Wanted, remedy: str
) -> None:
    caplog.set_level(logging.INFO, "lookup")
    dagster.add_asset("orders", TASK)

    assert names(lookup, wanted) == ["orders"]
    assert remedy in caplog.text


def test_two_instances_are_told_apart_by_name_alone(dagster: FakeDagster, lookup: Lookup) -> None:
    dagster.add_asset("mine", TASK)
    dagster.add_asset("theirs", ("test", "etl", "load"))

    assert names(lookup) == ["mine"]
    with pytest.raises(AmbiguousAssets):
        names(lookup, Wanted("", "etl", "load"))


def break_location(dagster: FakeDagster, name: str, state: str) -> None:
    if state == "loading":
        dagster.loading_locations.append(name)
    else:
        dagster.broken_locations[name] = "ImportError: no module"


@pytest.mark.parametrize(
    ("state", "problem"), [("loading", "it is still loading"), ("broken", "ImportError: no module")]
)
def test_a_task_does_not_run_without_the_location_that_may_be_the_one_that_holds_its_assets(
    dagster: FakeDagster, lookup: Lookup, clock: FakeClock, state: str, problem: str
) -> None:
    dagster.add_asset("orders", ("prod", "another", "load"))
    break_location(dagster, "other", state)

    with pytest.raises(DagsterError, match=rf"'other': {problem}.*task etl\.load") as caught:
        names(lookup)

    assert not isinstance(caught.value, AirflowFailException)  # a retry may find it loaded
    assert sum(clock.slept) == 30.0


@pytest.mark.parametrize(("state", "waited"), [("loading", 30.0), ("broken", 0.0)])
@pytest.mark.parametrize("has_dag_asset", [True, False])
def test_a_location_of_which_nothing_is_known_does_not_stop_a_task_that_has_assets_elsewhere(
    dagster: FakeDagster,
    lookup: Lookup,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    state: str,
    waited: float,
    *,
    has_dag_asset: bool,
) -> None:
    dagster.add_asset("orders", TASK)
    if has_dag_asset:
        dagster.add_dag_asset("prod", "etl")
    break_location(dagster, "other", state)

    assert names(lookup) == ["orders"]
    assert sum(clock.slept) == waited
    assert "code location 'other' is not loaded" in caplog.text


def test_a_location_that_is_loaded_in_time_is_waited_for(
    dagster: FakeDagster, lookup: Lookup, clock: FakeClock
) -> None:
    dagster.add_asset("orders", TASK)
    break_location(dagster, "other", "loading")

    def load() -> None:
        dagster.loading_locations.clear()
        dagster.add_asset("customers", TASK, location="other")

    clock.after(12.0, load)

    assert names(lookup) == ["orders", "customers"]


def test_a_location_that_had_no_asset_of_the_task_does_not_stop_it(
    dagster: FakeDagster, lookup: Lookup, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    dagster.add_asset("orders", TASK)
    dagster.add_dag_asset("prod", "etl")
    dagster.add_asset("elsewhere", ("prod", "another", "load"), location="other")
    names(lookup)
    del dagster.assets.nodes["elsewhere",]
    break_location(dagster, "other", "broken")

    assert names(lookup) == ["orders"]
    assert (clock.slept, "'other' is not loaded (ImportError: no module)" in caplog.text) == ([], True)


def test_a_location_that_had_assets_of_the_task_when_it_was_read_last_is_needed(
    dagster: FakeDagster, lookup: Lookup
) -> None:
    dagster.add_asset("orders", TASK)
    dagster.add_asset("elsewhere", ("prod", "another", "load"), location="other")
    names(lookup)
    dagster.add_asset("customers", TASK, location="other")
    dagster.reload("other")
    names(lookup)
    for key, node in list(dagster.assets.nodes.items()):
        if node["repository"]["location"]["name"] == "other":
            del dagster.assets.nodes[key]
    break_location(dagster, "other", "broken")

    with pytest.raises(DagsterError, match="'other': ImportError"):
        names(lookup)
