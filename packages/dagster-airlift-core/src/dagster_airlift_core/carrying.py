"""Tells the processes that run steps what the code server had read when it loaded."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TypeVar

from dagster_airlift_core import _dagster_private
from dagster_airlift_core.errors import AirliftError

_VALIDATING = "DAGSTER_IS_DEFS_VALIDATION_CLI"
Value = TypeVar("Value")
_log = logging.getLogger(__name__)


def carried(
    name: str, make: Callable[[], Value], write: Callable[[Value], str], read: Callable[[str], Value]
) -> Value:
    """Make a value where a code location loads; take that one where its definitions are loaded again.

    A process that runs a step loads the definitions a second time: it gets what the code server had, without
    asking anyone. Loads that ask for the same are told apart by their order.

    Args:
        name: Differs wherever what is made does.
        make: Makes the value.
        write: Writes it down as a short text.
        read: Reads what was written; an AirliftError says that another release wrote it.
    """
    key = _dagster_private.free_state_key(name)
    known = _dagster_private.stored_state(key) or _dagster_private.stored_state(name)
    if known is not None:
        try:
            value = read(known)
        except AirliftError as error:  # the code server runs another release than this process
            _log.warning("%s Asking Airflow again.", error)
        else:
            _dagster_private.store_state(key, known)
            return value
    value = make()
    _dagster_private.store_state(key, write(value))
    return value


def only_validating() -> bool:
    """Whether definitions are loaded to be looked at alone: Airflow is not asked for that."""
    return bool(os.environ.get(_VALIDATING))
