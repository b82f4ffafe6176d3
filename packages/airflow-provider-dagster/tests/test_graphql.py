import ast
from pathlib import Path

import pytest

from airflow.providers.dagster import graphql, wire
from airflow.providers.dagster.model import AssetMapping, CodeLocation, Refusal, RunStatus


def node(*entries: dict[str, str]) -> dict[str, object]:
    return {
        "assetKey": {"path": ["raw", "orders"]},
        "isExecutable": True,
        "isPartitioned": False,
        "repository": {"name": "__repository__", "location": {"name": "defs"}},
        "metadataEntries": list(entries),
    }


def mapping(json_string: str) -> dict[str, str]:
    return {"label": wire.TASK_MAPPING_METADATA_KEY, "jsonString": json_string}


def test_every_document_is_static_and_listed() -> None:
    module = ast.parse(Path(graphql.__file__).read_text())
    values = [node.value for node in module.body if isinstance(node, ast.Assign) and node.value]

    texts = {value.value for value in values if isinstance(value, ast.Constant) and "{" in str(value.value)}

    assert texts == set(graphql.DOCUMENTS)
    assert not any(isinstance(value, ast.JoinedStr) for value in values)


def test_a_mapping_is_read_from_the_metadata() -> None:
    text = '[{"airflow_instance": "prod", "dag_id": "etl", "task_id": "g.load", "later": 1}]'

    (asset,) = graphql.parse_assets(
        {"assetNodes": [node({}, {"label": "other", "jsonString": "1"}, mapping(text))]}
    )

    assert asset.name == "raw/orders"
    assert asset.mappings == (AssetMapping("prod", "etl", "g.load"),)


@pytest.mark.parametrize("text", ["{}", "[]", "null", "[1]", '[{"dag_id": "etl", "task_id": "load"}]'])
def test_what_is_no_mapping_maps_nothing(text: str) -> None:
    assert graphql.parse_assets({"assetNodes": [node(mapping(text))]}) == ()


def test_a_status_of_a_later_dagster_counts_as_live() -> None:
    status = RunStatus("HIBERNATING")

    assert status is RunStatus.UNKNOWN
    assert not status.is_terminal
    assert not status.is_success


@pytest.mark.parametrize("status", RunStatus)
def test_a_run_has_ended_in_three_statuses_and_well_in_one(status: RunStatus) -> None:
    assert status.is_terminal == (status.name in {"SUCCESS", "FAILURE", "CANCELED"})
    assert status.is_success == (status.name == "SUCCESS")


def test_a_workspace_that_cannot_be_read_is_a_problem_of_its_own() -> None:
    answer = {"workspaceOrError": {"__typename": "PythonError", "message": "boom"}}

    assert graphql.parse_locations(answer) == (CodeLocation("(workspace)", "boom"),)


def test_the_reasons_of_a_refusal_are_joined() -> None:
    errors = [{"message": "no field a"}, {"message": "no field b"}]
    answer = {"launchRun": {"__typename": "RunConfigValidationInvalid", "errors": errors}}

    assert graphql.parse_launch(answer) == Refusal("RunConfigValidationInvalid", "no field a no field b")


def test_a_run_without_an_origin_or_a_try_is_read() -> None:
    run = {"__typename": "Run", "runId": "1", "status": "STARTED", "tags": [], "repositoryOrigin": None}

    parsed = graphql.parse_run({"runOrError": run})

    assert not isinstance(parsed, Refusal)
    assert (parsed.location, parsed.repository, parsed.try_number) == ("", "", 0)


def test_a_page_of_events_names_each_failed_step_and_the_users_own_error() -> None:
    outer = {
        "message": "Error occurred while executing op.",
        "causes": [{"message": "middle"}, {"message": "mine\n"}],
    }
    events = [
        {"__typename": "LogMessageEvent"},
        {"__typename": "ExecutionStepFailureEvent", "stepKey": "a", "error": outer},
        {
            "__typename": "ExecutionStepFailureEvent",
            "stepKey": "b",
            "error": {"message": "alone", "causes": []},
        },
        {"__typename": "ExecutionStepFailureEvent", "stepKey": "c", "error": None},
        {"__typename": "RunFailureEvent", "message": "Steps failed.", "error": None},
    ]
    answer = {"__typename": "EventConnection", "cursor": "5", "hasMore": True, "events": events}

    page = graphql.parse_events({"logsForRun": answer})

    assert page.step_failures == ("step 'a': mine", "step 'b': alone", "step 'c': no reason given")
    assert page.run_failure == "Steps failed."
    assert page.has_more


def test_the_checks_of_the_assets_run_because_no_selection_of_checks_is_sent() -> None:
    (asset,) = graphql.parse_assets(
        {"assetNodes": [node(mapping('[{"airflow_instance": "a", "dag_id": "b", "task_id": "c"}]'))]}
    )

    variables = graphql.launch_variables(asset, [asset.key], {"k": "v"})

    assert variables["params"]["selector"] == {
        "repositoryLocationName": "defs",
        "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": ["raw", "orders"]}],
    }
    assert variables["params"]["executionMetadata"] == {"tags": [{"key": "k", "value": "v"}]}
