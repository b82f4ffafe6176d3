import pytest

from airflow.providers.dagster.assets import AssetMapping, AssetReference, MappedAsset
from airflow.providers.dagster.exceptions import AmbiguousAssets, NothingToRun
from airflow.providers.dagster.selection import Selection, Wanted, select_assets, wanted_keys
from airflow.providers.dagster.targets import MappedToDag, MappedToTask, Target


def asset(
    key: str, *mappings: tuple[str, ...], executable: bool = True, location: str = "defs"
) -> MappedAsset:
    return MappedAsset(
        key=tuple(key.split("/")),
        location=location,
        repository="__repository__",
        is_executable=executable,
        mappings=tuple(AssetMapping(*mapping) for mapping in mappings),
    )


def select(*assets: MappedAsset, instance: str = "", target: Target | None = None) -> Selection:
    references = [AssetReference(each.key, each.mappings) for each in assets]
    wanted = Wanted(instance, "etl", "g.load", target or MappedToTask())
    keys = wanted_keys(references, wanted)
    return select_assets([each for each in assets if each.key in keys], references, wanted)


def test_exactly_the_assets_of_the_task_are_selected() -> None:
    orders = asset("raw/orders", ("prod", "etl", "g.load"), ("prod", "etl", "other"))
    customers = asset("customers", ("prod", "etl", "g.load"))

    selection = select(
        orders, customers, asset("x", ("prod", "etl", "load")), asset("y", ("prod", "elt", "g.load"))
    )

    assert selection == Selection("prod", ((customers, orders),))


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


def test_what_no_longer_says_that_it_is_mapped_is_not_run() -> None:
    reference = AssetReference(("a",), (AssetMapping("prod", "etl", "g.load"),))
    wanted = Wanted("prod", "etl", "g.load")

    with pytest.raises(NothingToRun, match=r"For DAG 'etl' it maps g\.load"):
        select_assets([asset("a", ("prod", "etl", "other"))], [reference], wanted)


WHOLE, TASK, OTHER = ("prod", "etl"), ("prod", "etl", "g.load"), ("prod", "etl", "other")


@pytest.mark.parametrize(
    ("target", "keys"),
    [
        pytest.param(MappedToTask(), ["task"], id="of the task"),
        pytest.param(MappedToDag(), ["task", "whole"], id="of the DAG and the task"),
    ],
)
def test_what_is_mapped_to_the_dag_is_run_by_the_task_that_stands_for_it(
    target: Target, keys: list[str]
) -> None:
    assets = (asset("whole", WHOLE), asset("task", TASK), asset("other", OTHER))

    ((*chosen,),) = select(*assets, instance="prod", target=target).by_location

    assert [each.name for each in chosen] == keys


@pytest.mark.parametrize(
    ("target", "assets"),
    [
        pytest.param(MappedToTask(required=False), (), id="a task of a whole DAG"),
        pytest.param(MappedToDag(), (asset("other", OTHER),), id="a DAG of which a task is mapped"),
    ],
)
def test_of_a_dag_that_is_proxied_as_a_whole_a_task_may_have_nothing_to_run(
    target: Target, assets: tuple[MappedAsset, ...]
) -> None:
    assert select(*assets, instance="prod", target=target).by_location == ()


def test_a_dag_to_which_nothing_at_all_is_mapped_has_to_be() -> None:
    with pytest.raises(
        NothingToRun, match=r"For DAG 'etl' it maps the DAG as a whole .*`migrated: false` for the DAG in"
    ):
        select(asset("a", ("test", "etl")), instance="prod", target=MappedToDag())
