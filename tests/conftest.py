"""What a failed test says of the servers that it ran."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from peering_with_dbt.story.errors import StoryError


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the end of the log that an error names; the folder of a run is gone when someone reads the report."""
    report = yield
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, StoryError) and error.log and (lines := error.log_tail()):
        report.sections.append((f"end of {error.log.name}", "\n".join(lines)))
    return report
