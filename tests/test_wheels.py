"""What the built wheels hold, and what they ask for."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "apache_airflow_providers_dagster": "airflow/providers/dagster/",
    "dagster_airlift_core": "dagster_airlift_core/",
    "dagster_airlift_dbt": "dagster_airlift_dbt/",
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("dist")
    uv = [sys.executable, "-m", "uv"]
    for name in PACKAGES:
        package = name.replace("_", "-")
        subprocess.run(
            [*uv, "build", "--quiet", "--wheel", "--package", package, "--out-dir", str(folder)],
            cwd=ROOT,
            check=True,
        )
    return {path.name.split("-")[0]: zipfile.ZipFile(path) for path in folder.glob("*.whl")}


def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(wheel.read(name))


def requirements(wheel: zipfile.ZipFile) -> set[str]:
    return {
        re.split(r"[ <>=!~;\[]", line)[0].lower() for line in metadata(wheel).get_all("Requires-Dist", [])
    }


@pytest.mark.parametrize(("name", "folder"), PACKAGES.items())
def test_a_wheel_holds_its_own_module_and_nothing_else(
    wheels: dict[str, zipfile.ZipFile], name: str, folder: str
) -> None:
    foreign = [
        entry
        for entry in wheels[name].namelist()
        if not entry.startswith(folder) and ".dist-info/" not in entry
    ]

    assert foreign == []
    assert f"{folder}py.typed" in wheels[name].namelist()


def test_the_provider_ships_no_init_of_airflows_namespaces(wheels: dict[str, zipfile.ZipFile]) -> None:
    names = wheels["apache_airflow_providers_dagster"].namelist()

    assert "airflow/__init__.py" not in names
    assert "airflow/providers/__init__.py" not in names
    assert "airflow/providers/dagster/__init__.py" in names


def test_the_provider_does_not_ask_for_dagster(wheels: dict[str, zipfile.ZipFile]) -> None:
    wanted = requirements(wheels["apache_airflow_providers_dagster"])

    assert not {name for name in wanted if name.startswith("dagster")}


@pytest.mark.parametrize("name", ["dagster_airlift_core", "dagster_airlift_dbt"])
def test_the_dagster_packages_do_not_ask_for_airflow(wheels: dict[str, zipfile.ZipFile], name: str) -> None:
    assert not {wanted for wanted in requirements(wheels[name]) if wanted.startswith("apache-airflow")}


def test_dagster_dbt_comes_with_an_extra_alone(wheels: dict[str, zipfile.ZipFile]) -> None:
    asked = metadata(wheels["dagster_airlift_dbt"]).get_all("Requires-Dist", [])

    assert [line for line in asked if "dbt" in line.removeprefix("dagster-airlift")] == [
        "dagster-dbt>=0.29.8; extra == 'migrate'"
    ]


@pytest.mark.parametrize("name", PACKAGES)
def test_every_direct_dependency_has_a_lower_bound(wheels: dict[str, zipfile.ZipFile], name: str) -> None:
    without = [
        line for line in metadata(wheels[name]).get_all("Requires-Dist", []) if not re.search(r">=|==", line)
    ]

    assert without == []


def test_the_provider_does_not_pass_for_a_release_of_the_foundation(
    wheels: dict[str, zipfile.ZipFile],
) -> None:
    provider = metadata(wheels["apache_airflow_providers_dagster"])
    people = " ".join(
        str(provider.get(field, "")) for field in ("Author", "Author-email", "Maintainer", "Maintainer-email")
    )
    links = " ".join(provider.get_all("Project-URL", []))

    assert "apache" not in f"{people} {links}".lower()
    assert "not a release of the Apache Software Foundation" in str(provider.get_payload())
