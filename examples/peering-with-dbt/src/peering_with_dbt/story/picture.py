"""Takes a picture of Dagster's lineage with a headless Chromium."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from peering_with_dbt.story.errors import StoryError

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SECONDS = 120.0


def take_picture(dagster_url: str, path: Path) -> None:
    """Take a picture of a model with its neighbours: what it is made of, and the DAG asset of `dbt_dag`.

    Of more assets than these Dagster shows no more than the names.

    Args:
        dagster_url: Dagster's webserver.
        path: The PNG file to write.

    Raises:
        StoryError: There is no Chromium, or it took no picture.
    """
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise StoryError(f"A picture needs one of {', '.join(_BROWSERS)} on the PATH.")
    page = f"{dagster_url}/assets/species_sold?view=lineage&lineageScope=neighbors&lineageDepth=2"
    with tempfile.TemporaryDirectory() as profile:
        ended = subprocess.run(  # noqa: S603  # a fixed command
            [
                browser,
                *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *(f"--user-data-dir={profile}", "--virtual-time-budget=30000"),
                *("--window-size=1500,750", "--force-device-scale-factor=1.5"),
                *(f"--screenshot={path.resolve()}", page),
            ],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    if ended.returncode or not path.exists():
        raise StoryError(f"{browser} took no picture: {ended.stderr[-500:]}")
