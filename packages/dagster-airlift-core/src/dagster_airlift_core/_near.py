"""Says of a DAG that is not there which others are."""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager
from difflib import get_close_matches

from dagster_airlift_core.errors import AirflowNotFound

_NEAREST = 3


@contextmanager
def naming_others(dag_id: str, known: Collection[str], whom: str) -> Generator[None]:
    """Name the DAG that a question within is about, and those that look like it, where Airflow does not have it.

    Args:
        dag_id: The DAG.
        known: The DAGs that were listed.
        whom: How errors call the server.

    Raises:
        AirflowNotFound: There is no such DAG.
    """
    try:
        yield
    except AirflowNotFound as error:
        near = get_close_matches(dag_id, known, n=_NEAREST, cutoff=0.6)
        instead = f"Close to it: {', '.join(near)}." if near else "Look for what was renamed or deleted."
        message = f"{whom} has no DAG {dag_id!r}. {instead}"
        raise AirflowNotFound(message, method=error.method, url=error.url, status=error.status) from error
