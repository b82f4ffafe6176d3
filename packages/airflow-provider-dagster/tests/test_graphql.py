import ast
from pathlib import Path
from typing import cast

import pytest

from airflow.providers.dagster import answers, graphql, run_answers, wire
from airflow.providers.dagster.assets import AssetMapping
from airflow.providers.dagster.model import CodeLocation, FailedStep, Materialized, Refusal, RunStatus, Work


def node(*entries: dict[str, str]) -> dict[str, object]:
    return {
        "assetKey": {"path": ["raw", "orders"]},
        "isExecutable": True,
        "partitionDefinition": None,
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

    (asset,) = answers.parse_assets(
        {"assetNodes": [node({}, {"label": "other", "jsonString": "1"}, mapping(text))]}
    )

    assert asset.name == "raw/orders"
    assert asset.mappings == (AssetMapping("prod", "etl", "g.load"),)


@pytest.mark.parametrize("text", ["{}", "[]", "null", "[1]", '[{"dag_id": "etl", "task_id": "load"}]'])
def test_what_is_no_mapping_maps_nothing(text: str) -> None:
    repository = {"__typename": "Repository", "assetNodes": [node(mapping(text))]}

    (asset,) = answers.parse_assets({"assetNodes": [node(mapping(text))]})

    assert asset.mappings == ()
    assert answers.parse_repository_mappings({"repositoryOrError": repository}) == ()


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

    assert answers.parse_locations(answer) == (CodeLocation("(workspace)", "boom"),)


def test_the_reasons_of_a_refusal_are_joined() -> None:
    errors = [{"message": "no field a"}, {"message": "no field b"}]
    answer = {"launchRun": {"__typename": "RunConfigValidationInvalid", "errors": errors}}

    assert run_answers.parse_launch(answer) == Refusal("RunConfigValidationInvalid", "no field a no field b")


def test_a_run_without_an_origin_or_a_try_is_read() -> None:
    run = {"__typename": "Run", "runId": "1", "status": "STARTED", "tags": [], "repositoryOrigin": None}

    parsed = run_answers.parse_run({"runOrError": run})

    assert not isinstance(parsed, Refusal)
    assert (parsed.location, parsed.repository, parsed.try_number) == ("", "", 0)


def test_a_page_of_events_names_each_failed_step_and_the_users_own_error() -> None:
    outer = {
        "message": "Error occurred while executing op.",
        "causes": [{"message": "middle"}, {"message": "mine\n", "stack": ["line 1\n"]}],
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

    page = run_answers.parse_events({"logsForRun": answer})

    assert page.failed_steps == (
        FailedStep("a", "mine", "line 1\n"),
        FailedStep("b", "alone"),
        FailedStep("c", "no reason given"),
    )
    assert page.run_failure == "Steps failed."
    assert page.has_more


def test_the_checks_of_the_assets_run_because_no_selection_of_checks_is_sent() -> None:
    work = Work("defs", "__repository__", asset_keys=(("raw", "orders"),), tags={"k": "lost", "mine": "m"})

    variables = graphql.launch_variables(work, {"k": "v"})

    assert variables["params"]["selector"] == {
        "repositoryLocationName": "defs",
        "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": ["raw", "orders"]}],
    }
    tags = [{"key": "k", "value": "v"}, {"key": "mine", "value": "m"}]
    assert variables["params"]["executionMetadata"] == {"tags": tags}


def test_a_job_is_launched_without_a_selection_and_with_its_run_config() -> None:
    work = Work("defs", "__repository__", "nightly", run_config={"ops": {"a": {"config": {"n": 1}}}})

    params = graphql.launch_variables(work, {})["params"]

    assert "assetSelection" not in params["selector"]
    assert params["selector"]["pipelineName"] == "nightly"
    assert params["runConfigData"] == '{"ops": {"a": {"config": {"n": 1}}}}'


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        pytest.param({"__typename": "JsonMetadataEntry", "jsonString": '{"a": [1]}'}, {"a": [1]}, id="json"),
        pytest.param({"__typename": "TextMetadataEntry", "text": "s3://x"}, "s3://x", id="text"),
        pytest.param(
            {"__typename": "IntMetadataEntry", "intRepr": "9007199254740993"}, 9007199254740993, id="int"
        ),
        pytest.param({"__typename": "FloatMetadataEntry", "floatValue": 0.5}, 0.5, id="float"),
        pytest.param({"__typename": "BoolMetadataEntry", "boolValue": False}, False, id="bool"),
        pytest.param({"__typename": "NullMetadataEntry"}, None, id="null"),
    ],
)
def test_a_published_value_is_read_as_what_it_was(entry: dict[str, object], value: object) -> None:
    entries = [
        {"label": "other", "__typename": "TextMetadataEntry"},
        {"label": "airflow/return_value", **entry},
    ]
    event = {"assetKey": {"path": ["a"]}, "metadataEntries": entries}
    answer = {"runOrError": {"__typename": "Run", "assetMaterializations": [event]}}

    (made,) = cast("tuple[Materialized, ...]", run_answers.parse_run_assets(answer))

    assert (made.has_value, made.value) == (True, value)
