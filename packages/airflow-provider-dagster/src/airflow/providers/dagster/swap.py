"""Putting one operator in the place of another without changing the shape of the DAG."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, BaseOperator, MappedOperator  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.version_compat import AIRFLOW_3

__all__ = ["ARGUMENT_OF", "KEPT", "OWN", "REFUSED", "Task", "place", "swap"]

Task = BaseOperator | MappedOperator

_OF_AIRFLOW_2 = ("sla", "_task_display_property_value")
_OF_AIRFLOW_3 = (
    *("default_args", "retry_policy", "returns_dag_result", "render_template_as_native_obj"),
    "_task_display_name",
)

KEPT = (
    *("owner", "email", "email_on_retry", "email_on_failure", "run_as_user"),
    *("retries", "retry_delay", "retry_exponential_backoff", "max_retry_delay"),
    *("start_date", "end_date", "execution_timeout"),
    *("depends_on_past", "ignore_first_depends_on_past", "wait_for_downstream"),
    "wait_for_past_depends_before_skipping",
    *("params", "priority_weight", "weight_rule", "queue", "pool", "pool_slots", "resources"),
    *(
        "executor",
        "executor_config",
        "max_active_tis_per_dag",
        "max_active_tis_per_dagrun",
        "map_index_template",
    ),
    *("on_execute_callback", "on_failure_callback", "on_success_callback"),
    *("on_retry_callback", "on_skipped_callback"),
    *("trigger_rule", "is_setup", "is_teardown", "on_failure_fail_dagrun"),  # the last after is_teardown
    *("do_xcom_push", "multiple_outputs"),
    *("inlets", "outlets", "doc", "doc_md", "doc_json", "doc_yaml", "doc_rst"),
    *("_logger_name", "allow_nested_operators"),
    *(_OF_AIRFLOW_3 if AIRFLOW_3 else _OF_AIRFLOW_2),
)
"""Attributes that the new operator takes over, in the order in which they are set."""

REFUSED = ("_pre_execute_hook", "_post_execute_hook")
"""Attributes that belong to the work of the old operator: a task that has one is not swapped."""

OWN = ("task_id", "dag", "task_group", "default_args", "sla", "task_concurrency")
"""Arguments of every operator that the swap itself sees to, or that this Airflow turns into others or ignores."""

ARGUMENT_OF = {
    "_task_display_name": "task_display_name",
    "_task_display_property_value": "task_display_name",
    "_logger_name": "logger_name",
    "_pre_execute_hook": "pre_execute",
    "_post_execute_hook": "post_execute",
}
"""The argument that sets an attribute, where it has another name."""


def swap(dag: DAG, old: Task, new: BaseOperator) -> None:
    """Put `new` in the place of `old`: same id, edges, group and settings.

    Args:
        dag: The DAG of `old`.
        old: The task to replace.
        new: An operator with the same id that belongs to no DAG yet.
    """
    for name in KEPT:
        if hasattr(old, name) and not (name == "on_failure_fail_dagrun" and not old.is_teardown):
            setattr(new, name, getattr(old, name))
    place(dag, old, new)


def place(dag: DAG, old: Task, new: Task) -> None:
    """Put `new`, which has the settings of `old` already, in its place: same edges, same group.

    Args:
        dag: The DAG of `old`.
        old: The task to replace.
        new: A task with the same id.
    """
    new.upstream_task_ids = set(old.upstream_task_ids)
    new.downstream_task_ids = set(old.downstream_task_ids)
    new.task_group = old.task_group
    if old.task_group is not None:
        old.task_group.children[old.task_id] = new
    dag.task_dict[old.task_id] = new
    new.dag = dag
