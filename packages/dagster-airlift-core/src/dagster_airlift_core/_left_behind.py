"""What tries of tasks left behind in Airflow, asked for one at a time."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_airlift_core._conversation import Conversation
from dagster_airlift_core._dialect import leavings
from dagster_airlift_core._listing import whole
from dagster_airlift_core.errors import AirflowNotFound
from dagster_airlift_core.model import TaskInstance

MAX_PARTS = 1000
"""Parts of a log that are read; where Airflow keeps logs in files, one part is all of it."""


class LeftBehind:
    """Asks one Airflow instance for the logs and XComs of tries; the role Viewer may read them.

    Args:
        conversation: With the instance.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def log_lines(self, instance: TaskInstance) -> Iterator[str]:
        """Yield the lines of the log of a try, as the task wrote them or behind Airflow 2's time and level.

        Args:
            instance: The try.

        Raises:
            AirflowNotFound: There is no such try.
            AirflowUnauthorized: The user may not read task logs.
            AirflowApiError: Airflow did not give it; `is_too_much` when a part of it has more than 16 MB.
        """
        api, token = self._api, None
        for _ in range(MAX_PARTS):
            part = leavings.log_part(self._conversation.ask, api, instance, token)
            yield from part.lines
            # Airflow 2 gives a token for ever; nothing more comes behind an empty part.
            if part.next_part in (None, token) or not part.lines:
                return
            token = part.next_part

    def xcom_keys(self, instance: TaskInstance) -> tuple[str, ...]:
        """Return the keys of the XComs of a task instance; a new try clears those of the one before.

        Args:
            instance: The task instance.

        Raises:
            AirflowUnauthorized: The user may not read XComs.
            AirflowApiError: Airflow did not give them.
        """
        api, ask = self._api, self._conversation.ask
        conversation = self._conversation
        page = whole(
            lambda offset: leavings.xcom_keys(ask, api, instance, offset),
            conversation.whom,
            conversation.base_url,
        )
        return page.rows

    def xcom(self, instance: TaskInstance, key: str) -> object | None:
        """Return the value of an XCom, None where there is none; of Airflow 3 it is a text with the JSON of it.

        Args:
            instance: The task instance.
            key: Key of the XCom.

        Raises:
            AirflowUnauthorized: The user may not read XComs.
            AirflowApiError: Airflow did not give it.
        """
        try:
            return leavings.xcom(self._conversation.ask, self._api, instance, key)
        except AirflowNotFound:
            return None

    @property
    def _api(self) -> str:
        return self._conversation.dialect.api
