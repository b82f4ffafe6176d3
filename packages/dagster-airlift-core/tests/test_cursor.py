from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_airlift_core.cursor import BRIEF_OVERLAP, HORIZON, OVERLAP, SWEEP_SPAN, Cursor, CursorError

MAPPING = "f00d"
ORDER = "v2/id"
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
GOLDEN = (
    '{"v": 1, "instance": "prod", "watermark": "2026-01-15T11:00:00+00:00", '
    '"swept_at": "2026-01-15T10:30:00+00:00", "recent": {"since": "2026-01-15T10:50:00+00:00", '
    '"run_after": "2026-01-08T10:50:00+00:00", "as_of": "2026-01-15T11:05:00+00:00", "stream": "runs", '
    '"page": "abc", "after": "etl/r1", "order": "v2/id"}, "sweep": null, "mapping": "f00d"}'
)


def test_the_first_pass_is_a_sweep_of_two_days_and_the_only_one() -> None:
    cursor = Cursor("prod").begun(NOW, MAPPING, ORDER)

    assert cursor.recent
    assert (cursor.recent.window.since, cursor.recent.window.run_after) == (NOW - SWEEP_SPAN, None)
    assert cursor.sweep is None
    ended = cursor.with_scan("recent", None)
    assert (ended.watermark, ended.swept_at) == (NOW, NOW)


@pytest.mark.parametrize("hours", [12, 24 * 7])
def test_after_a_long_time_one_pass_reads_everything(hours: int) -> None:
    now = NOW + timedelta(hours=hours)
    cursor = Cursor("prod", watermark=NOW, swept_at=NOW, mapping=MAPPING).begun(now, MAPPING, ORDER)

    assert cursor.recent
    assert cursor.sweep is None
    assert cursor.recent.is_wide
    assert cursor.recent.window.since == min(NOW - OVERLAP, now - SWEEP_SPAN)


def test_what_changed_lately_is_read_beside_a_sweep_and_in_runs_that_were_due_lately() -> None:
    cursor = Cursor("prod", watermark=NOW, swept_at=None, mapping=MAPPING).begun(NOW, MAPPING, ORDER)

    assert cursor.recent
    assert cursor.sweep
    assert cursor.recent.window.since == NOW - OVERLAP
    assert cursor.recent.window.run_after == NOW - OVERLAP - HORIZON


def test_the_whole_overlap_is_read_again_every_five_minutes_from_where_that_was_done_last() -> None:
    cursor = Cursor("prod", watermark=NOW, swept_at=NOW, mapping=MAPPING, overlapped_at=NOW)
    since = []
    for minute in range(1, 7):
        begun = cursor.begun(NOW + timedelta(minutes=minute), MAPPING, ORDER)
        assert begun.recent
        since.append(begun.recent.window.since)
        cursor = begun.with_scan("recent", None)

    brief = [NOW + timedelta(minutes=minute) for minute in (-1, 0, 1, 2)]
    assert since == [*brief, NOW - OVERLAP, NOW + timedelta(minutes=4)]
    assert cursor.overlapped_at == NOW + timedelta(minutes=5)
    assert Cursor.from_json(cursor.to_json(), "prod") == cursor


def test_a_clock_that_is_known_to_the_second_has_not_gone_back_for_that() -> None:
    cursor = Cursor("prod", watermark=NOW, swept_at=NOW, mapping=MAPPING, overlapped_at=NOW)

    begun = cursor.begun(NOW - timedelta(seconds=1), MAPPING, ORDER)

    assert begun.recent
    assert begun.recent.window.since == NOW - BRIEF_OVERLAP


def test_the_time_is_not_needed_while_the_last_pass_goes_on() -> None:
    begun = Cursor("prod").begun(NOW, MAPPING, ORDER)

    assert begun.is_under_way(MAPPING)
    assert not begun.is_under_way("new")
    assert not begun.with_scan("recent", None).is_under_way(MAPPING)


def test_a_pass_reads_tasks_then_runs_then_events_of_assets_and_then_sets_the_watermark() -> None:
    cursor = Cursor("prod").begun(NOW, MAPPING, ORDER)
    seen = []
    while scan := cursor.recent:
        seen.append(scan.stream)
        cursor = cursor.with_scan("recent", scan.past_page(None))

    assert seen == ["tasks", "runs", "assets"]
    assert cursor.watermark == NOW


def test_a_sweep_is_due_every_hour_of_the_server() -> None:
    cursor = Cursor("prod", watermark=NOW, swept_at=NOW, mapping=MAPPING)

    assert cursor.begun(NOW + timedelta(minutes=59), MAPPING, ORDER).sweep is None
    assert cursor.begun(NOW + timedelta(hours=1), MAPPING, ORDER).sweep is not None


def test_a_new_mapping_is_a_reason_to_sweep_at_once() -> None:
    cursor = Cursor("prod", watermark=NOW, swept_at=NOW, mapping="0ld").begun(NOW, MAPPING, ORDER)

    assert cursor.sweep
    assert cursor.sweep.window.since == NOW - SWEEP_SPAN
    assert cursor.begun(NOW + timedelta(minutes=5), MAPPING, ORDER).sweep == cursor.sweep


def test_a_new_mapping_begins_a_sweep_that_is_under_way_again() -> None:
    cursor = Cursor("prod", watermark=NOW).begun(NOW, "0ld", ORDER)
    assert cursor.sweep
    half_way = cursor.with_scan("sweep", cursor.sweep.past_page("page 2"))

    begun = half_way.begun(NOW, MAPPING, ORDER)

    assert begun.sweep
    assert begun.sweep.page is None


def test_a_new_mapping_begins_a_sweep_beside_a_wide_pass_that_is_under_way() -> None:
    cursor = Cursor("prod").begun(NOW, "0ld", ORDER)

    begun = cursor.begun(NOW + timedelta(minutes=1), MAPPING, ORDER)

    assert begun.recent == cursor.recent
    assert begun.sweep
    assert begun.sweep.page is None


def test_a_pass_under_way_keeps_its_window() -> None:
    cursor = Cursor("prod").begun(NOW, MAPPING, ORDER)

    assert cursor.begun(NOW + timedelta(hours=3), MAPPING, ORDER) == cursor


def test_a_server_clock_that_goes_back_moves_the_window_but_not_the_watermark() -> None:
    cursor = Cursor("prod", watermark=NOW, swept_at=NOW, mapping=MAPPING).begun(
        NOW - timedelta(hours=1), MAPPING, ORDER
    )
    assert cursor.recent

    assert cursor.recent.window.since == NOW - timedelta(hours=1) - OVERLAP
    assert cursor.with_scan("recent", None).watermark == NOW


def test_a_cursor_of_this_release_loads() -> None:
    cursor = Cursor.from_json(GOLDEN, "prod")

    assert cursor.recent
    assert (cursor.recent.page, cursor.recent.after) == ("abc", "etl/r1")
    assert cursor.to_json() == GOLDEN


def test_a_page_token_of_another_order_is_dropped() -> None:
    kept = Cursor.from_json(GOLDEN, "prod").begun(NOW, MAPPING, ORDER)
    dropped = Cursor.from_json(GOLDEN, "prod").begun(NOW, MAPPING, "v1/updated_at")

    assert kept.recent
    assert (kept.recent.page, kept.recent.after, kept.recent.order) == ("abc", "etl/r1", ORDER)
    assert dropped.recent
    assert (dropped.recent.page, dropped.recent.after) == (None, None)
    assert (dropped.recent.order, dropped.recent.stream) == ("v1/updated_at", "runs")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="broken"),
        pytest.param("[]", id="list"),
        pytest.param("7", id="number"),
        pytest.param(GOLDEN.replace('"v": 1', '"v": 2'), id="version"),
        pytest.param(GOLDEN.replace("prod", "test"), id="instance"),
        pytest.param(GOLDEN.replace("2026-01-15T10:50", "soon"), id="instant"),
        pytest.param(GOLDEN.replace('"2026-01-15T11:05:00+00:00"', "null"), id="missing"),
        pytest.param(GOLDEN.replace('"runs"', '"jobs"'), id="stream"),
        pytest.param(GOLDEN.replace('"abc"', "3"), id="page"),
        pytest.param(GOLDEN.replace('"swept_at"', '"overlapped_at": "soon", "swept_at"'), id="overlap"),
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_any_other_text_is_a_cursor_error(text: str) -> None:
    with pytest.raises(CursorError):
        Cursor.from_json(text, "prod")


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_garbage_never_raises_anything_else(value: object) -> None:
    text = json.dumps({**json.loads(GOLDEN), "recent": value, "watermark": value})

    try:
        Cursor.from_json(text, "prod")
    except CursorError:
        return
    assert value is None
