"""What an administrator sees of the provider on the command line of Airflow."""

import json
from typing import Any

import pytest
from airflow.cli import cli_parser

from airflow.providers.dagster.get_provider_info import get_provider_info

HOOK = "airflow.providers.dagster.hooks.dagster.DagsterHook"
LINK = "airflow.providers.dagster.links.dagster.DagsterRunLink"


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401
    """Run `airflow providers ...` and read what it prints of this provider."""

    def shown(*command: str) -> list[dict[str, Any]]:
        arguments = cli_parser.get_parser().parse_args(["providers", *command, "--output", "json"])
        arguments.func(arguments)
        printed = capsys.readouterr().out
        rows: list[dict[str, Any]] = json.loads(printed[printed.index("[") :])
        return [row for row in rows if "dagster" in json.dumps(row)]

    return shown


def test_the_provider_is_listed_once(shown: Any) -> None:  # noqa: ANN401
    (row,) = shown("list")

    assert (row["package_name"], row["version"]) == ("apache-airflow-providers-dagster", "0.1.0")


def test_the_provider_can_be_asked_for(shown: Any) -> None:  # noqa: ANN401
    (row,) = shown("get", "apache-airflow-providers-dagster")

    assert row["Version" if "Version" in row else "version"] == "0.1.0"


def test_its_hook_and_the_names_of_its_connections_are_shown(shown: Any) -> None:  # noqa: ANN401
    (row,) = shown("hooks")

    assert [row["connection_type"], row["class"], row["conn_id_attribute_name"]] == [
        "dagster",
        HOOK,
        "dagster_conn_id",
    ]


def test_the_behaviour_of_its_connection_form_is_shown(shown: Any) -> None:  # noqa: ANN401
    (row,) = shown("behaviours")

    assert row == {"field_behaviours": "dagster"}


def test_the_fields_of_its_connection_form_are_shown(shown: Any) -> None:  # noqa: ANN401
    (described,) = get_provider_info()["connection-types"]

    names = {row["connection_parameter_name"].removeprefix("extra__dagster__") for row in shown("widgets")}

    assert names == set(described["conn-fields"])


def test_its_link_is_shown(shown: Any) -> None:  # noqa: ANN401
    assert [row["extra_link_class_name"] for row in shown("links")] == [LINK]


def test_its_triggers_are_shown(shown: Any) -> None:  # noqa: ANN401
    names = {part for kind in get_provider_info()["triggers"] for part in kind["python-modules"]}

    assert {row["class"] for row in shown("triggers")} == names
