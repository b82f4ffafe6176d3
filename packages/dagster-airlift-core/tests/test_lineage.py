from __future__ import annotations

import itertools

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from dagster_airlift_core.lineage import Lineage, lineage_order

KEYS = [dg.AssetKey(name) for name in "abcdef"]
edges = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)).filter(lambda edge: edge[0] != edge[1])
)


def specs_of(pairs: list[tuple[dg.AssetKey, dg.AssetKey]]) -> list[dg.AssetSpec]:
    deps = {key: {up for up, down in pairs if down == key} for key in KEYS}
    return [dg.AssetSpec(key, deps=sorted(ups)) for key, ups in deps.items()]


def test_leaves_are_those_that_no_other_asset_of_the_dag_reads() -> None:
    lineage = Lineage.of(specs_of([(KEYS[0], KEYS[1]), (KEYS[1], KEYS[5])]))

    assert lineage.leaves(frozenset(KEYS[:3])) == [KEYS[1], KEYS[2]]


@given(edges, edges)
def test_wanted_edges_never_add_a_circle(
    pairs: list[tuple[dg.AssetKey, dg.AssetKey]], wanted: list[tuple[dg.AssetKey, dg.AssetKey]]
) -> None:
    acyclic = [(up, down) for up, down in pairs if up < down]
    asked = {key: [up for up, down in wanted if down == key] for key in KEYS}

    kept = Lineage.of(specs_of(acyclic)).without_circles(asked)

    order = lineage_order(specs_of([*acyclic, *((up, down) for down, ups in kept.items() for up in ups)]))
    assert len(set(order.values())) == len(order)


@given(edges, st.permutations(KEYS))
def test_edges_that_close_no_circle_are_all_kept(
    pairs: list[tuple[dg.AssetKey, dg.AssetKey]], order: list[dg.AssetKey]
) -> None:
    acyclic = {(up, down) for up, down in pairs if order.index(up) < order.index(down)}
    asked = {key: sorted(up for up, down in acyclic if down == key) for key in KEYS}

    assert Lineage.of(specs_of([])).without_circles(asked) == asked


@given(edges)
def test_beside_a_circle_of_your_own_every_harmless_edge_is_kept(
    pairs: list[tuple[dg.AssetKey, dg.AssetKey]],
) -> None:
    circle = [(KEYS[0], KEYS[1]), (KEYS[1], KEYS[0])]
    asked = {KEYS[5]: [up for up, _ in pairs if up != KEYS[5]], KEYS[0]: [dg.AssetKey("new")]}

    kept = Lineage.of(specs_of(circle)).without_circles(asked)

    assert kept == {KEYS[5]: list(dict.fromkeys(asked[KEYS[5]])), KEYS[0]: [dg.AssetKey("new")]}


def test_of_edges_that_close_a_circle_together_the_last_is_left_out() -> None:
    a, b, c = KEYS[:3]

    kept = Lineage.of([]).without_circles({a: [c], b: [a], c: [b, KEYS[3]]})

    assert kept == {a: [c], b: [a], c: [KEYS[3]]}


def test_a_long_chain_of_wanted_edges_costs_no_more_than_its_length() -> None:
    chain = [dg.AssetKey(f"n{n}") for n in range(20_000)]
    asked = {down: [up] for up, down in itertools.pairwise(chain)}

    assert Lineage.of([]).without_circles(dict(reversed(asked.items()))) == asked


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
