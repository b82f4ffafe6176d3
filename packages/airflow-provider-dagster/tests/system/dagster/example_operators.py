"""A DAG that has Dagster materialize named assets, and run a job."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow.providers.dagster.operators.dagster import (
    DagsterMaterializeAssetsOperator,
    DagsterProxyOperator,
    DagsterRunJobOperator,
)

with DAG("example_operators", schedule=None):
    # [START howto_operator_proxy]
    load = DagsterProxyOperator(task_id="load", deferrable=True)
    # [END howto_operator_proxy]

    # [START howto_operator_materialize]
    orders = DagsterMaterializeAssetsOperator(
        task_id="orders",
        asset_keys=["raw/orders", "raw/customers"],
        tags={"team": "sales"},
    )
    # [END howto_operator_materialize]

    # [START howto_operator_materialize_group]
    sales = DagsterMaterializeAssetsOperator(task_id="sales", groups=["sales"])
    # [END howto_operator_materialize_group]

    # [START howto_operator_materialize_partition]
    eu = DagsterMaterializeAssetsOperator(
        task_id="eu",
        asset_keys=["by_region"],
        partition_key="eu",
    )
    # [END howto_operator_materialize_partition]

    # [START howto_operator_job]
    nightly = DagsterRunJobOperator(
        task_id="nightly",
        job_name="nightly",
        run_config={"ops": {"report": {"config": {"day": "{{ dag_run.run_id }}"}}}},
    )
    # [END howto_operator_job]

    load >> orders >> sales >> eu >> nightly
