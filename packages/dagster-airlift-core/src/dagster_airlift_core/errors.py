"""What can go wrong, from "no Airflow there" to "a mapping that cannot be meant".

AirliftError
├── AirflowApiError        method, url, status
│   ├── AirflowUnreachable
│   ├── AirflowUnauthorized
│   ├── AirflowNotFound
│   └── AirflowPayloadError
├── MappingError
└── PartitionError
"""

from __future__ import annotations


class AirliftError(Exception):
    """Base of every error of this package."""


class AirflowApiError(AirliftError):
    """A call to Airflow's REST API did not give the answer that was asked for.

    Args:
        message: What failed, on what, and what to do about it.
        method: HTTP method of the call.
        url: URL of the call, without credentials.
        status: HTTP status of the answer, None when there was no answer.
        is_too_much: Whether the answer was too large or took too long, so that asking for less may help.
    """

    def __init__(
        self, message: str, *, method: str, url: str, status: int | None = None, is_too_much: bool = False
    ) -> None:
        super().__init__(message)
        self.method = method
        self.url = url
        self.status = status
        self.is_too_much = is_too_much


class AirflowUnreachable(AirflowApiError):
    """No answer, or only answers of an overloaded or broken server, within the time allowed."""


class AirflowUnauthorized(AirflowApiError):
    """There are no credentials, Airflow refused them, or the user may not read what was asked for."""


class AirflowNotFound(AirflowApiError):
    """Airflow has no such path, DAG or run."""


class AirflowPayloadError(AirflowApiError):
    """An answer that is no JSON of the expected shape: a login page, a proxy, another version."""


class MappingError(AirliftError):
    """A mapping of assets to tasks or DAGs that cannot be meant."""


class PartitionError(AirliftError):
    """The partition that a DAG run is for cannot be told, for something raised when it was asked."""


class SetAside(Exception):
    """One thing cannot be told of now, and everything else goes on; the message names it and says why."""
