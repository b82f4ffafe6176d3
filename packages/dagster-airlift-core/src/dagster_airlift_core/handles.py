"""Names of Airflow instances, DAGs and tasks, and how they become names that Dagster accepts."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from dagster_airlift_core.arguments import expect

_INSTANCE_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_LOOKS_DERIVED = re.compile(r".*_[0-9a-f]{8}")


@dataclass(frozen=True, order=True, slots=True)
class DagHandle:
    """Names a DAG of an Airflow instance.

    Args:
        dag_id: DAG id.
    """

    dag_id: str

    def __str__(self) -> str:
        """Return the DAG id."""
        return self.dag_id


@dataclass(frozen=True, order=True, slots=True)
class TaskHandle:
    """Names a task of an Airflow instance.

    Args:
        dag_id: DAG id.
        task_id: Task id, with its task groups.
    """

    dag_id: str
    task_id: str

    def __str__(self) -> str:
        """Return the DAG id and the task id, as Airflow writes them."""
        return f"{self.dag_id}.{self.task_id}"


def instance_name(name: str) -> str:
    """Return the name of an Airflow instance.

    Raises:
        TypeError: It is no text.
        ValueError: Dagster would refuse names that are made of it: those of the steps of its checks.
    """
    expect("The name of an Airflow instance", name, str, "a text, such as 'prod'")
    if not _INSTANCE_NAME.fullmatch(name):
        raise ValueError(
            f"An Airflow instance cannot have the name {name!r}: it becomes part of asset keys, of which "
            "Dagster makes names. Give one of the letters A to z, digits, '_', '-' and '.', such as 'prod'."
        )
    return name


@lru_cache(maxsize=4096)
def dagster_name(text: str, *, also: str = "") -> str:
    """Return a name of letters, digits and underscores that no other text is given.

    Dagster demands such names of sensors and groups. A text that already is one stays as it is,
    unless it looks like a name made here.

    Args:
        text: The text.
        also: Further characters that the name may have.
    """
    allowed = f"A-Za-z0-9_{re.escape(also)}"
    if re.fullmatch(f"[{allowed}]+", text) and not _LOOKS_DERIVED.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{re.sub(f'[^{allowed}]', '_', text)}_{digest}"
