"""The flags of a dbt command that do not select: what they set, and which of them name places of a machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

_LONG = {"-t": "--target", "-f": "--full-refresh", "-x": "--fail-fast"}
_PLACES = frozenset({"--project-dir", "--profiles-dir", "--target-path", "--log-path"})


def settings_of(flags: Iterable[str]) -> Mapping[str, str]:
    """Return what flags set, by their long names; one without a value sets nothing but itself.

    Args:
        flags: The words of a command line.
    """
    return {name: " ".join(" ".join(values).split()) for name, *values in _grouped(flags)}


def places_of(flags: Iterable[str]) -> Mapping[str, str]:
    """Return the flags that name folders of the machine on which the command ran.

    Args:
        flags: The words of a command line.
    """
    return {name: value for name, value in settings_of(flags).items() if name in _PLACES}


def without_places(flags: Iterable[str]) -> tuple[str, ...]:
    """Return flags without those that name folders of a machine.

    Args:
        flags: The words of a command line.
    """
    return tuple(word for group in _grouped(flags) if group[0] not in _PLACES for word in group)


def _grouped(flags: Iterable[str]) -> Iterator[list[str]]:
    """Each flag with its values, whichever way they were written."""
    group: list[str] = []
    for word in flags:
        if word.startswith("-"):
            if group:
                yield group
            name, equals, value = word.partition("=")
            group = [_LONG.get(name, name), *([value] if equals else [])]
        else:
            group.append(word)
    if group:
        yield group
