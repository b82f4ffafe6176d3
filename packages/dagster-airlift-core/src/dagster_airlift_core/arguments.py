"""Refuses arguments that cannot be meant, by their name, before anything is done with them."""

from __future__ import annotations

from collections.abc import Iterable


def expect(name: str, value: object, kind: type | tuple[type, ...], instead: str) -> None:
    """Refuse an argument of another type. Its value is not shown, for it may be a secret.

    Args:
        name: How the caller writes the argument.
        value: What it is.
        kind: What it has to be.
        instead: What to give.

    Raises:
        TypeError: It is of another type.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} is of the type {type(value).__name__}. Give {instead}.")


def expect_function(name: str, value: object, instead: str) -> None:
    """Refuse what cannot be called; None is no function, and none is needed.

    Args:
        name: How the caller writes the argument.
        value: What it is.
        instead: What to give.

    Raises:
        TypeError: It cannot be called.
    """
    if value is not None and not callable(value):
        raise TypeError(
            f"{name} is of the type {type(value).__name__}, which cannot be called. Give {instead}."
        )


def expect_one_of(name: str, value: object, choices: Iterable[str]) -> None:
    """Refuse a word that is none of the choices.

    Args:
        name: How the caller writes the argument.
        value: What it is.
        choices: What it may be.

    Raises:
        ValueError: It is something else.
    """
    choices = list(choices)
    if value not in choices:
        raise ValueError(f"{name} is {value!r}. Choose one of {', '.join(map(repr, choices))}.")
