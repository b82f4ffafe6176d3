from __future__ import annotations

from pathlib import Path

import pytest

from dagster_airlift_dbt import DbtManifestError, DbtOnAirflow


def test_a_missing_manifest_is_named_with_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"

    with pytest.raises(
        DbtManifestError, match=r"no dbt manifest at '.*manifest.json'\. Write it with `dbt parse`"
    ):
        DbtOnAirflow(manifest=path, tasks={}).defs()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param('{"nodes": ', "cannot be read: Expecting value", id="half-written"),
        pytest.param("[]", "is not a dbt manifest: it has no 'nodes'", id="a-list"),
        pytest.param('{"results": []}', "is not a dbt manifest: it has no 'nodes'", id="run-results"),
    ],
)
def test_what_is_no_manifest_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content)

    with pytest.raises(DbtManifestError, match=message):
        DbtOnAirflow(manifest=path, tasks={}).defs()


def test_a_manifest_is_read_anew_each_time(tmp_path: Path, manifest: Path, books: DbtOnAirflow) -> None:
    copy = tmp_path / "manifest.json"
    copy.write_bytes(manifest.read_bytes())
    shop = DbtOnAirflow(manifest=copy, tasks=books.tasks)
    shop.defs()
    copy.unlink()

    with pytest.raises(DbtManifestError, match="no dbt manifest"):
        shop.defs()
