import pytest

from airflow.providers.dagster.exceptions import AmbiguousAssets, DagsterLaunchRefused, NothingToRun
from airflow.providers.dagster.model import AssetMapping, MappedAsset
from airflow.providers.dagster.selection import Selection, select_assets


def asset(
    key: str,
    *mappings: tuple[str, str, str],
    executable: bool = True,
    partitioned: bool = False,
    location: str = "defs",
) -> MappedAsset:
    return MappedAsset(
        key=tuple(key.split("/")),
        location=location,
        repository="__repository__",
        is_executable=executable,
        is_partitioned=partitioned,
        mappings=tuple(AssetMapping(*mapping) for mapping in mappings),
    )


def select(*assets: MappedAsset, instance: str = "") -> Selection:
    return select_assets(assets, instance=instance, dag_id="etl", task_id="g.load")


def test_exactly_the_assets_of_the_task_are_selected() -> None:
    orders = asset("raw/orders", ("prod", "etl", "g.load"), ("prod", "etl", "other"))
    customers = asset("customers", ("prod", "etl", "g.load"))

    selection = select(
        orders, customers, asset("x", ("prod", "etl", "load")), asset("y", ("prod", "elt", "g.load"))
    )

    assert selection == Selection("prod", ((customers, orders),))
    assert selection.names == "customers, raw/orders"


def test_assets_are_grouped_by_code_location() -> None:
    assets = [
        asset(key, ("prod", "etl", "g.load"), location=location) for key, location in ("ab", "ca", "db")
    ]

    selection = select(*assets)

    assert [[(a.name, a.location) for a in group] for group in selection.by_location] == [
        [("c", "a")],
        [("a", "b"), ("d", "b")],
    ]


def test_a_named_instance_gets_its_own_assets_only() -> None:
    mine, theirs = asset("mine", ("prod", "etl", "g.load")), asset("theirs", ("test", "etl", "g.load"))

    assert select(mine, theirs, instance="prod") == Selection("prod", ((mine,),))


def test_an_instance_without_a_name_must_be_the_only_one() -> None:
    mine, theirs = asset("mine", ("prod", "etl", "g.load")), asset("theirs", ("test", "etl", "g.load"))

    with pytest.raises(
        AmbiguousAssets, match=r"several Airflow instances: prod, test\. .*\[dagster\] instance_name"
    ):
        select(mine, theirs)


def test_without_an_asset_the_error_says_what_the_dag_has_instead() -> None:
    other = asset("x", ("prod", "etl", "load"), ("test", "etl", "g.load"), ("prod", "other", "g.load"))

    with pytest.raises(NothingToRun) as caught:
        select(other, instance="prod")

    assert str(caught.value) == (
        "Dagster has no asset that is mapped to task etl.g.load of Airflow instance 'prod'. For DAG 'etl' it maps "
        "g.load (Airflow instance 'test'), load (Airflow instance 'prod'). Map an asset to the task in Dagster and "
        "reload its code location, or set `migrated: false` for the task in the migration state to run it in Airflow."
    )


def test_without_any_asset_of_the_dag_the_error_says_so() -> None:
    with pytest.raises(NothingToRun, match="It maps no asset to any task of DAG 'etl'"):
        select(asset("x", ("prod", "other", "g.load")))


def test_an_asset_without_code_is_not_run() -> None:
    with pytest.raises(NothingToRun, match=r"Dagster cannot run raw/orders, .* Give it code in Dagster"):
        select(
            asset("raw/orders", ("prod", "etl", "g.load"), executable=False),
            asset("x", ("prod", "etl", "g.load")),
        )


def test_a_partitioned_asset_is_not_run_without_its_partition() -> None:
    with pytest.raises(DagsterLaunchRefused, match=r"The assets daily, .* are partitioned"):
        select(asset("daily", ("prod", "etl", "g.load"), partitioned=True))
