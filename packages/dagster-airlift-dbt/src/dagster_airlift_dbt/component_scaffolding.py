"""What `dg scaffold defs` writes for the component: where Airflow is, and where the manifest."""

from __future__ import annotations

from dagster import Scaffolder, ScaffoldRequest
from dagster.components import scaffold_component
from pydantic import Field

from dagster_airlift_core.component_scaffolding import AirflowInstanceParams, auth_fields


class DbtOnAirflowParams(AirflowInstanceParams):
    """What the command asks for.

    Args:
        manifest: Where the manifest is.
    """

    manifest: str = Field(
        description="Path, from the folder of the component, or URI of dbt's manifest.json."
    )


class DbtOnAirflowScaffolder(Scaffolder[DbtOnAirflowParams]):
    """Writes the YAML of an Airflow instance whose tasks run dbt."""

    @classmethod
    def get_scaffold_params(cls) -> type[DbtOnAirflowParams]:
        """Return what the command asks for."""
        return DbtOnAirflowParams

    def scaffold(self, request: ScaffoldRequest[DbtOnAirflowParams]) -> None:
        """Write the YAML.

        Args:
            request: What was asked for, and where to write.
        """
        params = request.params
        fields = {"name": params.name, "auth": auth_fields(params.auth_type), "manifest": params.manifest}
        scaffold_component(request, fields)
