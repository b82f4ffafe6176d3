"""What a measured load is told: where Airflow is, what is mapped, and where the state of an earlier load is."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dagster import AssetSpec
from synthetic_payloads import dag_id
from tables import MAPPED_TASK, chain, tables

LOGIN_VARIABLE = "BENCHMARK_LOGIN"
"""User name and password with a colon between; the synthetic Airflow takes any."""


@dataclass(frozen=True)
class LoadArguments:
    """The arguments of a load.

    Args:
        url: Airflow's.
        mapped: Assets by DAG id and task id.
        state: File with what an earlier load has kept, or that this one's is kept in.
        login: User name and password.
        connections: How many questions ours asks at a time, None for its default.
    """

    url: str
    mapped: Mapping[str, Mapping[str, list[AssetSpec]]]
    state: Path | None
    login: tuple[str, str]
    connections: int | None = None

    @classmethod
    def given(cls, usage: str | None) -> Self:
        """Read the command line."""
        parser = argparse.ArgumentParser(
            description=usage, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("url")
        parser.add_argument("dags", type=int)
        parser.add_argument("--chain", action="store_true", help="as many assets in a chain, of one DAG")
        parser.add_argument("--unmapped", action="store_true", help="no assets of the user's own")
        parser.add_argument("--state", type=Path)
        parser.add_argument("--connections", type=int, help="questions at a time")
        arguments = parser.parse_args()
        if arguments.chain:
            mapped = {dag_id(0): chain(arguments.dags)}
        else:
            wanted = 0 if arguments.unmapped else arguments.dags
            mapped = {dag: {MAPPED_TASK: [spec]} for dag, spec in tables(wanted).items()}
        user, _, password = os.environ.get(LOGIN_VARIABLE, "viewer:viewer").partition(":")
        return cls(arguments.url, mapped, arguments.state, (user, password), arguments.connections)
