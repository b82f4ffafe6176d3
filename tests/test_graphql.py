"""The provider's GraphQL documents, against the schema of the Dagster in the lock."""

from __future__ import annotations

import pytest
from dagster_graphql.schema import create_schema
from graphql import GraphQLSchema, parse, validate

from airflow.providers.dagster.graphql import DOCUMENTS


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return create_schema().graphql_schema


@pytest.mark.parametrize("document", DOCUMENTS)
def test_dagster_understands_what_the_provider_asks(schema: GraphQLSchema, document: str) -> None:
    assert validate(schema, parse(document)) == []
