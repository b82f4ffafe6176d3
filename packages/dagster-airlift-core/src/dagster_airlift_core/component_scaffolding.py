"""What `dg scaffold defs` writes for the component: where Airflow is, with its secrets in the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from dagster import Scaffolder, ScaffoldRequest
from dagster.components import scaffold_component
from pydantic import BaseModel, Field

_VARIABLES: dict[str, dict[str, str]] = {
    "basic_auth": {"username": "AIRFLOW_USERNAME", "password": "AIRFLOW_PASSWORD"},
    "token": {"token": "AIRFLOW_TOKEN"},
    "mwaa": {"env_name": "MWAA_ENVIRONMENT", "region_name": "AWS_REGION"},
    "composer": {},
    "astronomer": {"api_token": "ASTRO_API_TOKEN"},
}


class AirflowInstanceParams(BaseModel):
    """What the command asks for.

    Args:
        name: Names the instance.
        auth_type: How to log in.
    """

    name: str = Field(description="Names the instance in asset keys, tags and the sensor: keep it stable.")
    auth_type: Literal["basic_auth", "token", "mwaa", "composer", "astronomer"] = Field(
        default="basic_auth", description="How to log in."
    )


class AirflowInstanceScaffolder(Scaffolder[AirflowInstanceParams]):
    """Writes the YAML of an Airflow instance."""

    @classmethod
    def get_scaffold_params(cls) -> type[AirflowInstanceParams]:
        """Return what the command asks for."""
        return AirflowInstanceParams

    def scaffold(self, request: ScaffoldRequest[AirflowInstanceParams]) -> None:
        """Write the YAML.

        Args:
            request: What was asked for, and where to write.
        """
        auth = auth_fields(request.params.auth_type)
        scaffold_component(request, {"name": request.params.name, "auth": auth})


def auth_fields(auth_type: str) -> Mapping[str, str]:
    """Return the YAML of some credentials, each of them in a variable of the environment.

    Args:
        auth_type: How to log in.
    """
    variables = {"webserver_url": "AIRFLOW_WEBSERVER_URL", **_VARIABLES[auth_type]}
    return {"type": auth_type, **{name: f"{{{{ env.{variable} }}}}" for name, variable in variables.items()}}
