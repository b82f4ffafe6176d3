from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dagster_airlift_core.model import RenderedFields, Task
from dagster_airlift_dbt import DbtCommand, NonBuilding, Uncertain
from dagster_airlift_dbt.parsing import ParsedDbt
from dagster_airlift_dbt.recognition import RecognisedTask, recognise

BASH = "airflow.providers.standard.operators.bash.BashOperator"
TASK_BASH = "airflow.providers.standard.decorators.bash._BashDecoratedOperator"
POD = "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator"
DOCKER = "airflow.providers.docker.operators.docker.DockerOperator"
ECS = "airflow.providers.amazon.aws.operators.ecs.EcsRunTaskOperator"
CLOUD = "airflow.providers.dbt.cloud.operators.dbt.DbtCloudRunJobOperator"
PYTHON = "airflow_dbt_python.operators.dbt."
LOCAL = "cosmos.operators.local."
WATCHER = "cosmos.operators.watcher."


def recognised(
    operator_class: str | None, *rendered: Mapping[str, Any], **of_task: bool
) -> RecognisedTask | None:
    task = Task("etl", "t", None, frozenset(), operator_class=operator_class, **of_task)
    ran = [RenderedFields("r1", "t", index, fields) for index, fields in enumerate(rendered)]
    return recognise(task, ran)


def commands(operator_class: str, *rendered: Mapping[str, Any]) -> tuple[ParsedDbt, ...]:
    found = recognised(operator_class, *rendered)
    return found.commands if found else ()


@pytest.mark.parametrize(
    "operator_class", [pytest.param(BASH, id="bash"), pytest.param(TASK_BASH, id="@task.bash")]
)
def test_a_bash_task_runs_the_commands_of_its_script(operator_class: str) -> None:
    found = recognised(operator_class, {"bash_command": "cd /p && dbt seed && dbt run -s tag:x && dbt test"})

    assert found is not None
    assert found.commands == (DbtCommand("seed"), DbtCommand("run", select="tag:x"), DbtCommand("test"))
    assert (found.style, found.run_id) == ("bash", "r1")


def test_a_bash_task_without_dbt_is_none() -> None:
    assert (
        recognised(BASH, {"bash_command": "python load.py", "env": {"DBT_RESOURCE_TYPES": "model"}}) is None
    )
    assert recognised(BASH, {"bash_command": None}) is None


@pytest.mark.parametrize(
    "operator_class",
    [
        pytest.param(None, id="unknown"),
        pytest.param(
            "airflow.providers.standard.operators.empty.EmptyOperator", id="an ephemeral model in Cosmos"
        ),
        pytest.param("airflow.providers.standard.operators.python.PythonOperator", id="python"),
        pytest.param(
            "airflow.providers.dbt.cloud.sensors.dbt.DbtCloudJobRunSensor", id="a sensor of dbt Cloud"
        ),
    ],
)
def test_what_a_class_says_nothing_about_is_not_taken_for_dbt(operator_class: str | None) -> None:
    assert recognised(operator_class, {"bash_command": "dbt run"}) is None


@pytest.mark.parametrize(
    "script",
    [
        "dbt compile -s orders",
        "dbt docs generate",
        "dbt source freshness",
        "dbt ls",
        "dbt test -s $MODELS",
        "if [ -f x ]; then dbt test; fi",
        "dbt test -s ***",
        "dbt show",
    ],
)
def test_a_task_that_only_compiles_or_looks_or_tests_who_knows_what_is_dbt_and_builds_nothing(
    script: str,
) -> None:
    (found,) = commands(BASH, {"bash_command": script})

    assert isinstance(found, NonBuilding)


def test_what_a_bash_task_will_run_is_not_known_before_its_first_run() -> None:
    found = recognised(BASH)

    assert found is not None
    assert [each.reason for each in found.uncertain] == [
        "it did not run lately, and Airflow does not tell before what it will run"
    ]


def test_a_proxied_task_is_not_looked_at() -> None:
    assert recognised(BASH, {"bash_command": "dbt run"}, is_proxied=True) is None


@pytest.mark.parametrize(
    ("operator_class", "fields", "reason"),
    [
        pytest.param(
            BASH,
            {
                "bash_command": "Truncated. You can change this behaviour in [core]max_templated_field_length. 'dbt run"
            },
            "keeps only the beginning",
            id="cut",
        ),
        pytest.param(BASH, {"bash_command": "dbt run -s ***"}, "has masked", id="masked selection"),
        pytest.param(BASH, {"bash_command": "dbt run ***"}, "takes no '***'", id="masked flags"),
        pytest.param(
            BASH, {"bash_command": "dbt build -s $MODELS"}, "known in Airflow alone", id="a variable"
        ),
        pytest.param(
            BASH,
            {"bash_command": "DBT_RESOURCE_TYPES=model dbt build"},
            "selects resource types",
            id="inline",
        ),
        pytest.param(
            BASH,
            {"bash_command": "dbt build", "env": {"DBT_EXCLUDE_RESOURCE_TYPES": "seed"}},
            "selects resource types",
            id="environment",
        ),
        pytest.param(POD, {"cmds": ("dbt",), "arguments": "Truncated. …"}, "keeps only", id="cut arguments"),
        pytest.param(
            POD, {"arguments": ("run", "Truncated. …"), "image": "dbt"}, "keeps only", id="a cut word"
        ),
        pytest.param(
            POD, {"arguments": ("run", "--all"), "image": "etl:1"}, "whether its image", id="an image"
        ),
        pytest.param(CLOUD, {"job_id": 7}, "dbt Cloud alone knows", id="dbt Cloud"),
        pytest.param(LOCAL + "DbtRunLocalOperator", {"select": "***"}, "has masked", id="masked in Cosmos"),
        pytest.param(
            LOCAL + "DbtRunLocalOperator", {"select": "Truncated. x"}, "after --select", id="cut in Cosmos"
        ),
        pytest.param(PYTHON + "DbtFreshOperator", {}, "which dbt command", id="an unknown operator"),
    ],
)
def test_what_is_cut_masked_or_decided_elsewhere_is_uncertain(
    operator_class: str, fields: Mapping[str, Any], reason: str
) -> None:
    (found,) = commands(operator_class, fields)

    assert isinstance(found, Uncertain)
    assert reason in found.reason


def test_a_masked_variable_does_not_hide_what_is_selected() -> None:
    (found,) = commands(BASH, {"bash_command": "dbt run -s marts --vars '{key: ***}'"})

    assert found == DbtCommand("run", select="marts", flags=("--vars", "{key: ***}"))


@pytest.mark.parametrize(
    ("operator_class", "fields", "expected"),
    [
        pytest.param(POD, {"cmds": ("dbt",), "arguments": ("run", "-s", "a b")}, ("run", "a b"), id="pod"),
        pytest.param(POD, {"image": "acme/dbt:1", "arguments": ("build",)}, ("build", ""), id="image of dbt"),
        pytest.param(POD, {"cmds": ("/bin/bash", "-c", "dbt run -s x")}, ("run", "x"), id="pod with a shell"),
        pytest.param(DOCKER, {"command": "dbt run -s x", "image": "etl"}, ("run", "x"), id="docker, a text"),
        pytest.param(DOCKER, {"command": ("dbt", "seed")}, ("seed", ""), id="docker, a list"),
        pytest.param(
            DOCKER,
            {"entrypoint": "dbt", "command": ("run", "-s", "x")},
            ("run", "x"),
            id="docker, its entrypoint",
        ),
        pytest.param(
            ECS,
            {"overrides": {"containerOverrides": ({"name": "dbt", "command": ("dbt", "snapshot")},)}},
            ("snapshot", ""),
            id="ECS",
        ),
        pytest.param(CLOUD, {"job_id": 7, "steps_override": ("dbt run -s x",)}, ("run", "x"), id="dbt Cloud"),
        pytest.param(
            PYTHON + "DbtRunOperator", {"select": ("a", "b")}, ("run", "a b"), id="airflow-dbt-python"
        ),
        pytest.param("acme.dbt.DbtTask", {"dbt_command": "dbt run -s x"}, ("run", "x"), id="somebody's own"),
        pytest.param(
            LOCAL + "DbtRunLocalOperator", {"select": "fqn:shop.a.b"}, ("run", "fqn:shop.a.b"), id="Cosmos"
        ),
        pytest.param(
            "cosmos.operators.kubernetes.DbtBuildKubernetesOperator",
            {"models": ("fqn:shop.a",), "select": None},
            ("build", "fqn:shop.a"),
            id="Cosmos in a pod, before its 1.11",
        ),
        pytest.param(
            "cosmos.operators.virtualenv.DbtSnapshotVirtualenvOperator",
            {"select": "fqn:shop.s"},
            ("snapshot", "fqn:shop.s"),
            id="Cosmos in a virtual environment",
        ),
    ],
)
def test_operators_are_read_by_what_they_ran(
    operator_class: str, fields: Mapping[str, Any], expected: tuple[str, str]
) -> None:
    (found,) = commands(operator_class, fields)

    assert isinstance(found, DbtCommand)
    assert (found.command, found.select) == expected


def test_the_other_fields_of_cosmos_become_arguments() -> None:
    fields = {
        "select": "a",
        "exclude": "b",
        "vars": {"x": 1},
        "full_refresh": True,
        "dbt_cmd_flags": ("--threads", "2"),
    }

    (found,) = commands(LOCAL + "DbtRunLocalOperator", fields)

    flags = ("--vars", "{x: 1}", "--full-refresh", "--threads", "2")
    assert found == DbtCommand("run", select="a", exclude="b", flags=flags)


@pytest.mark.parametrize(
    ("class_name", "text"),
    [
        pytest.param("DbtTestLocalOperator", "dbt test", id="test"),
        pytest.param("DbtSourceLocalOperator", "dbt source", id="source freshness"),
        pytest.param("DbtRunOperationLocalOperator", "dbt run-operation", id="a macro"),
        pytest.param("DbtDocsS3LocalOperator", "dbt docs", id="docs"),
    ],
)
@pytest.mark.parametrize(
    "fields", [pytest.param([], id="never run"), pytest.param([{"select": "x"}], id="run")]
)
def test_a_task_of_cosmos_that_builds_nothing_is_no_build(
    class_name: str, text: str, fields: list[Mapping[str, Any]]
) -> None:
    found = recognised(LOCAL + class_name, *fields)

    assert found is not None
    assert (found.commands, found.guess) == ((NonBuilding(text),), "")


@pytest.mark.parametrize(
    "fields", [pytest.param([], id="never run"), pytest.param([{"select": "x"}], id="run")]
)
def test_what_cosmos_adds_around_its_tasks_is_no_dbt(fields: list[Mapping[str, Any]]) -> None:
    assert recognised("cosmos.operators._asynchronous.SetupAsyncOperator", *fields) is None


def test_a_watcher_names_its_model_and_the_producer_none() -> None:
    watcher = recognised(WATCHER + "DbtRunWatcherOperator", {"model_unique_id": "model.shop.a", "select": ""})
    producer = recognised(WATCHER + "DbtProducerWatcherOperator", {"select": ""})

    assert watcher is not None
    assert (watcher.style, watcher.unique_ids, watcher.commands) == ("cosmos watcher", ("model.shop.a",), ())
    assert producer is not None
    assert (producer.unique_ids, producer.commands) == ((), ())
    assert producer.notes == recognised(WATCHER + "DbtProducerWatcherOperator").notes  # type: ignore[union-attr]


def test_the_copies_of_a_mapped_task_are_taken_together() -> None:
    scripts = [{"bash_command": f"dbt run -s {name}"} for name in ("a", "b", "a")]

    found = recognised(BASH, *scripts, is_mapped=True)

    assert found is not None
    assert found.commands == (DbtCommand("run", select="a"), DbtCommand("run", select="b"))
    assert "its 3 copies" in found.notes[0]
