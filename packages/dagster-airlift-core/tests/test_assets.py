from __future__ import annotations

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_airlift_core.assets import Lineage, is_dagster_owner, lineage_order, tag_part

KEYS = [dg.AssetKey(name) for name in "abcdef"]
edges = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)).filter(lambda edge: edge[0] != edge[1])
)


def specs_of(pairs: list[tuple[dg.AssetKey, dg.AssetKey]]) -> list[dg.AssetSpec]:
    deps = {key: {up for up, down in pairs if down == key} for key in KEYS}
    return [dg.AssetSpec(key, deps=sorted(ups)) for key, ups in deps.items()]


@pytest.mark.parametrize("text", ["core", "a.b-c_d", "x" * 63])
def test_what_may_stand_in_a_tag_stays(text: str) -> None:
    assert tag_part(text) == text


@given(st.text(min_size=1))
def test_every_text_gets_a_part_that_dagster_accepts(text: str) -> None:
    spec = dg.AssetSpec("a", tags={f"airflow/{tag_part(text)}": tag_part(text)})

    assert spec.tags


@pytest.mark.parametrize(
    ("owner", "accepted"),
    [("airflow", False), ("a@example.com", True), ("team:data", True), ("data-eng", False), ("team:", False)],
)
def test_only_owners_that_dagster_accepts_become_owners(owner: str, accepted: bool) -> None:  # noqa: FBT001
    assert is_dagster_owner(owner) is accepted


def test_leaves_are_those_that_no_other_asset_of_the_dag_reads() -> None:
    lineage = Lineage(specs_of([(KEYS[0], KEYS[1]), (KEYS[1], KEYS[5])]))

    assert lineage.leaves(frozenset(KEYS[:3])) == [KEYS[1], KEYS[2]]


@given(edges, st.lists(st.frozensets(st.sampled_from(KEYS))))
def test_attaching_dag_assets_never_adds_a_circle(
    pairs: list[tuple[dg.AssetKey, dg.AssetKey]], dags: list[frozenset[dg.AssetKey]]
) -> None:
    acyclic = [(up, down) for up, down in pairs if up < down]
    lineage = Lineage(specs_of([*acyclic, (dg.AssetKey("dag0"), KEYS[3])]))
    attached = [
        dg.AssetSpec(f"dag{n}", deps=lineage.attach(dg.AssetKey(f"dag{n}"), lineage.leaves(keys)))
        for n, keys in enumerate(dags)
    ]

    order = lineage_order([*specs_of([*acyclic, (dg.AssetKey("dag0"), KEYS[3])]), *attached])

    assert len(set(order.values())) == len(order)


@given(edges)
def test_the_order_puts_upstream_first_and_survives_circles(
    pairs: list[tuple[dg.AssetKey, dg.AssetKey]],
) -> None:
    order = lineage_order(specs_of(pairs))

    assert set(order) == set(KEYS)
    last = max(order.values())
    for up, down in pairs:
        assert order[up] < order[down] or order[down] == last or order[down] == len(KEYS)


def test_the_order_of_a_long_chain_is_found_without_recursion() -> None:
    specs = [dg.AssetSpec(f"n{n}", deps=[f"n{n - 1}"] if n else []) for n in reversed(range(3_000))]

    order = lineage_order(specs)

    assert order[dg.AssetKey("n2999")] == 2_999
