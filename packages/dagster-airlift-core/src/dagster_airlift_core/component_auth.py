"""How credentials stand in the YAML of the component."""

# Dagster looks at the annotations of a component, so they must not be put off (no __future__ import).
from typing import Annotated, Any, Literal, TypeAlias

from dagster import ResolutionContext
from dagster.components import Model, Resolver

from dagster_airlift_core.astronomer import AstronomerAuthBackend
from dagster_airlift_core.auth import AirflowAuthBackend, AirflowTokenAuthBackend
from dagster_airlift_core.basic_auth import AirflowBasicAuthBackend
from dagster_airlift_core.composer import ComposerAuthBackend
from dagster_airlift_core.mwaa import MwaaRestApiAuthBackend, MwaaSessionAuthBackend


class BasicAuthModel(Model):
    """Username and password."""

    type: Literal["basic_auth"]
    webserver_url: str
    username: str
    password: str


class TokenAuthModel(Model):
    """A bearer token."""

    type: Literal["token"]
    webserver_url: str
    token: str


class MwaaAuthModel(Model):
    """Amazon MWAA, with the AWS credentials of the place where this runs."""

    type: Literal["mwaa"]
    webserver_url: str
    env_name: str
    region_name: str | None = None
    access: Literal["session", "rest_api"] = "session"


class ComposerAuthModel(Model):
    """Google Cloud Composer, with the Google credentials of the place where this runs."""

    type: Literal["composer"]
    webserver_url: str


class AstronomerAuthModel(Model):
    """An API token of Astronomer."""

    type: Literal["astronomer"]
    webserver_url: str
    api_token: str


AuthModel: TypeAlias = (
    BasicAuthModel | TokenAuthModel | MwaaAuthModel | ComposerAuthModel | AstronomerAuthModel
)


def resolve_auth(context: ResolutionContext, model: AuthModel) -> AirflowAuthBackend:
    """Return the credentials that the YAML describes.

    Args:
        context: What its templates see, the environment for one.
        model: The YAML.
    """
    fields: dict[str, Any] = context.resolve_value(model.model_dump(exclude={"type"}), as_type=dict)
    match model:
        case BasicAuthModel():
            return AirflowBasicAuthBackend(**fields)
        case TokenAuthModel():
            return AirflowTokenAuthBackend(**fields)
        case MwaaAuthModel():
            kinds = {"session": MwaaSessionAuthBackend, "rest_api": MwaaRestApiAuthBackend}
            kind = kinds[fields["access"]]
            return kind(fields["webserver_url"], fields["env_name"], region_name=fields["region_name"])
        case ComposerAuthModel():
            return ComposerAuthBackend(**fields)
        case AstronomerAuthModel():
            return AstronomerAuthBackend(**fields)


ResolvedAirflowAuth: TypeAlias = Annotated[
    AirflowAuthBackend, Resolver(resolve_auth, model_field_type=AuthModel)
]
