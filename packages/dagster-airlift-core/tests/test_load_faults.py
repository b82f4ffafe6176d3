"""Whatever an Airflow answers, and whatever the credentials do, a code location loads; your own mistakes show."""

from __future__ import annotations

import base64
import json
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    AirflowTokenAuthBackend,
    HttpOptions,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.http_options import DEFAULT_OPTIONS
from dagster_airlift_core.model import Dag
from dagster_airlift_core.testing import FakeAirflow, Reply

CANARY = "canary-3f9"
SILENCE = 0.1
"""Seconds that are waited for a server that stalls."""
NEVER = {"Retry-After": "3600"}
HUGE = "[" + " " * 50_000_000 + "]"
URI = "s3://lake/raw"
YOURS = {"orders", "prod/instance"}
AIRFLOWS = {"prod/dag/etl", "prod/asset/s3/lake/raw"}

FAULTS = [
    pytest.param(Reply(401, {"detail": "no"}), "does not accept the credentials", id="401"),
    pytest.param(Reply(403, {"detail": "Forbidden"}), "does not let this user read that", id="403"),
    pytest.param(Reply(404, {"detail": "gone"}), "has no|does not have|has neither", id="404"),
    pytest.param(Reply(429, {}, headers=NEVER), "is asked too often", id="429"),
    pytest.param(Reply(500, {}, headers=NEVER), "HTTP 500", id="500"),
    pytest.param(Reply(200, "<html>", "text/html"), "a login page", id="html"),
    pytest.param(Reply(200, '{"dags": ['), "broken JSON", id="truncated json"),
    pytest.param(Reply(200, {"other": 1}), "not understood", id="missing fields"),
    pytest.param(Reply(200, []), "not understood", id="a list"),
    pytest.param(Reply(200, HUGE), "more than 16 MB", id="50 MB"),
]
STALLS = [
    pytest.param(Reply(200, {}, delay=5 * SILENCE), id="before the answer"),
    pytest.param(Reply(200, " " * 1000, cut_after=10, stall=5 * SILENCE), id="in the middle of it"),
]
ALL, DAGS, TASKS, LISTS = (
    "/version|/dags|/assets|/datasets|/importErrors",
    "/dags$",
    "/tasks$",
    "/(assets|datasets|importErrors)$",
)


@dataclass(frozen=True)
class Shown:
    """What a load gave."""

    keys: frozenset[str]
    operator: object
    not_read: str
    is_current: bool
    reason: str


@pytest.fixture(params=["2.11.2", "3.3.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param, users={"viewer": CANARY}) as fake:
        fake.add_dag("etl", {"extract": []})
        fake.add_asset(URI, producing=[("etl", "extract")])
        yield fake


@pytest.fixture(params=["the first load", "a later load"])
def path(request: pytest.FixtureRequest, fake: FakeAirflow, tmp_path: Path) -> Path:
    """File of the last good snapshot: there is none yet, or there is one."""
    file = tmp_path / "prod.json"
    if request.param == "a later load":
        loaded(basic(fake), file)
        assert file.exists()
    return file


def basic(fake: FakeAirflow, http: HttpOptions = DEFAULT_OPTIONS) -> AirflowInstance:
    return AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", CANARY), "prod", http=http)


def of_token(fake: FakeAirflow, token: str | Callable[[], str]) -> AirflowInstance:
    return AirflowInstance(AirflowTokenAuthBackend(fake.url, token), "prod")


def loaded(
    airflow: AirflowInstance, path: Path | None, selects: Callable[[Dag], bool] | None = None
) -> dg.Definitions:
    defs = build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(assets=assets_with_task_mappings("etl", {"extract": [dg.AssetSpec("orders")]})),
        snapshot_path=path,
        dag_selector_fn=selects,
    )
    dg.Definitions.validate_loadable(defs)
    return defs


def shown(airflow: AirflowInstance, path: Path | None) -> Shown:
    """Load, and run the check."""
    defs = loaded(airflow, path)
    specs: Mapping[str, dg.AssetSpec] = {
        spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()
    }
    checks = [check for check in defs.asset_checks or () if isinstance(check, dg.AssetChecksDefinition)]
    result = dg.materialize([*checks], selection=dg.AssetSelection.all_asset_checks())
    (told,) = result.get_asset_check_evaluations()
    return Shown(
        keys=frozenset(specs),
        operator=specs["orders"].tags.get("airlift/operator"),
        not_read=str(specs["prod/instance"].metadata.get("Not Read")),
        is_current=told.passed,
        reason=told.description or "",
    )


def answer(fake: FakeAirflow, path: str, reply: Reply) -> None:
    fake.reply(*[reply] * 60, path=path)


@pytest.mark.parametrize("where", [pytest.param(ALL, id="everything"), pytest.param(DAGS, id="dags")])
@pytest.mark.parametrize(("reply", "reason"), FAULTS)
def test_without_dags_the_location_loads_from_the_last_good_snapshot_or_without_airflow(
    fake: FakeAirflow, path: Path, where: str, reply: Reply, reason: str
) -> None:
    is_first = not path.exists()
    answer(fake, where, reply)

    after = shown(basic(fake), path)

    assert after.keys == (YOURS if is_first else YOURS | AIRFLOWS)
    assert not after.is_current
    since = "There is no snapshot" if is_first else "as of 2026-01-15 12:00:00Z"
    assert since in after.reason
    assert_told(after.reason, reason)


@pytest.mark.parametrize(("reply", "reason"), FAULTS)
def test_without_tasks_the_location_loads_with_those_of_the_last_snapshot(
    fake: FakeAirflow, path: Path, reply: Reply, reason: str
) -> None:
    is_first = not path.exists()
    answer(fake, TASKS, reply)

    after = shown(basic(fake), path)

    assert after.keys == YOURS | AIRFLOWS
    assert after.operator == (None if is_first else "BashOperator")
    assert not after.is_current
    assert "The tasks of 1 of 1 DAGs could not be read, of etl because" in after.reason
    assert_told(after.reason, reason)


@pytest.mark.parametrize(("reply", "reason"), FAULTS)
def test_without_airflows_assets_and_import_problems_the_location_loads_and_says_so(
    fake: FakeAirflow, path: Path, reply: Reply, reason: str
) -> None:
    is_first = not path.exists()
    answer(fake, LISTS, reply)

    after = shown(basic(fake), path)

    assert after.keys == YOURS | ({"prod/dag/etl"} if is_first else AIRFLOWS)
    assert after.is_current
    assert "Airflow's assets: " in after.not_read
    assert "Import problems: " in after.not_read
    assert_told(after.not_read, reason)


@pytest.mark.parametrize("reply", STALLS)
def test_a_server_that_falls_silent_does_not_keep_the_location_from_loading(
    fake: FakeAirflow, path: Path, reply: Reply
) -> None:
    is_first = not path.exists()
    answer(fake, "/version$", reply)

    after = shown(basic(fake, HttpOptions(timeout_seconds=SILENCE)), path)

    assert after.keys == (YOURS if is_first else YOURS | AIRFLOWS)
    assert not after.is_current
    assert_told(after.reason, "cannot be reached")


def test_fields_that_nobody_knows_and_fields_that_are_missing_are_no_fault(
    fake: FakeAirflow, path: Path
) -> None:
    fake.reply(
        Reply(200, {"dags": [{"dag_id": "etl", "is_paused": None, "new": {"a": [1]}}], "new": 1}), path=DAGS
    )
    fake.reply(Reply(200, {"tasks": [{"task_id": "extract", "new": 1}]}), path=TASKS)

    after = shown(basic(fake), path)

    assert after.keys == YOURS | AIRFLOWS
    assert after.is_current


def from_a_vault() -> str:
    raise LookupError(CANARY)


def of_the_environment() -> str:
    return os.environ[CANARY]


@pytest.mark.parametrize(
    ("token", "reasons"),
    [
        pytest.param(
            from_a_vault, ["LookupError was raised in from_a_vault (test_load_faults.py"], id="error"
        ),
        pytest.param(of_the_environment, ["KeyError was raised in of_the_environment"], id="in a library"),
        pytest.param(lambda: "", ["the token is empty"], id="empty"),
        pytest.param(lambda: "\n", ["the token is empty"], id="blank"),
        pytest.param(lambda: None, ["the token is empty"], id="none"),
        pytest.param(lambda: f"a\n{CANARY}", ["no HTTP header takes"], id="of two lines"),
        pytest.param(lambda: f"€{CANARY}", ["no HTTP header takes"], id="of other letters"),
    ],
)
def test_without_credentials_the_location_loads_and_says_why_without_a_secret(
    fake: FakeAirflow, path: Path, token: Callable[[], str], reasons: Sequence[str]
) -> None:
    is_first = not path.exists()

    after = shown(of_token(fake, token), path)

    assert after.keys == (YOURS if is_first else YOURS | AIRFLOWS)
    assert not after.is_current
    assert all(reason in after.reason for reason in reasons)
    assert CANARY not in after.reason


def test_a_token_read_from_a_file_may_end_with_the_line(fake: FakeAirflow) -> None:
    fake.gate.admit(CANARY, fake.now)

    after = shown(of_token(fake, f"{CANARY}\n"), None)

    assert after.is_current


def test_a_token_that_lives_longer_than_a_number_can_say_is_taken(fake: FakeAirflow) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"iat": 0, "exp": 10**400}).encode()).decode()
    fake.gate.admit(f"e.{claims}.s", fake.now)

    after = shown(of_token(fake, f"e.{claims}.s"), None)

    assert after.is_current


def test_what_your_selector_raises_is_raised_with_its_traceback(fake: FakeAirflow, path: Path) -> None:
    def has_a_tag(dag: Dag) -> bool:
        return bool(dag.tags[0])

    with pytest.raises(IndexError) as caught:
        loaded(basic(fake), path, has_a_tag)

    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "has_a_tag"


def assert_told(text: str, reason: str) -> None:
    assert any(one in text for one in reason.split("|")), text
    assert CANARY not in text
