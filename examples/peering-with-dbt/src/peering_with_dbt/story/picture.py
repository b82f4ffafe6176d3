"""Takes a picture of Dagster's lineage with a headless Chromium."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from peering_with_dbt.story.errors import StoryError
from peering_with_dbt.story.place import AIRFLOW_INSTANCE

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SECONDS = 120.0


def take_picture(dagster_url: str, path: Path) -> None:
    """Take a picture of what is upstream of the DAG asset of `dbt_dag`.

    Args:
        dagster_url: Dagster's webserver.
        path: The PNG file to write.

    Raises:
        StoryError: There is no Chromium, or it took no picture.
    """
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise StoryError(f"A picture needs one of {', '.join(_BROWSERS)} on the PATH.")
    page = f"{dagster_url}/assets/{AIRFLOW_INSTANCE}/dag/dbt_dag?view=lineage&lineageScope=upstream&lineageDepth=10"
    with tempfile.TemporaryDirectory() as profile:
        ended = subprocess.run(  # noqa: S603  # a fixed command
            [
                browser,
                *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *(f"--user-data-dir={profile}", "--window-size=2500,1300", "--virtual-time-budget=30000"),
                *(f"--screenshot={path.resolve()}", page),
            ],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    if ended.returncode or not path.exists():
        raise StoryError(f"{browser} took no picture: {ended.stderr[-500:]}")
