"""Libraries of managed services, imported when something needs them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def extra(name: str, module: str) -> ModuleType:
    """Return a module that an extra of this package installs.

    Args:
        name: Name of the extra.
        module: Name of the module.

    Raises:
        ImportError: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{module} is not installed. Install it with the extra: pip install 'dagster-airlift-core[{name}]'."
        ) from error
