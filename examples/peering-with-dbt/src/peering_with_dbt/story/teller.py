"""Tells on the terminal what happens, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from peering_with_dbt.story.errors import StoryError

_LINE_LENGTH = 300


class Teller:
    """Visible progress: one line a step, with its time.

    Args:
        console: Where to write.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, title: str) -> Generator[None]:
        """Show a step while it runs, and its time when it is done.

        Args:
            name: Its key in the report.
            title: Its line on the terminal.
        """
        begin = time.monotonic()
        if not self._console.is_terminal:
            self._console.print(f"… {title}")
        with self._console.status(title):
            yield
        self.seconds[name] = round(time.monotonic() - begin, 1)
        self._console.print(f"[green]✓[/] {title} [dim]{self.seconds[name]:.0f} s[/]")

    def say(self, text: str) -> None:
        """Say something between the steps."""
        self._console.print(f"  [dim]{text}[/]")

    def show(self, title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
        """Show a small table."""
        table = Table(*columns, title=title, title_justify="left", title_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def announce(self, title: str, text: str) -> None:
        """Show what the reader must not miss."""
        self._console.print(Panel(text, title=title, expand=False))

    def fail(self, error: StoryError) -> None:
        """Show an error, with the end of the log that tells more."""
        self._console.print(f"[red]✗[/] {error}", soft_wrap=True, highlight=False)
        if tail := error.log_tail():
            self._console.rule(f"end of {error.log}")
            for line in tail:
                self._console.print(line[:_LINE_LENGTH], markup=False, highlight=False, soft_wrap=True)
