"""Every check of this repository: `nox -l` lists them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "types", "tests"]

ROOT = Path(__file__).parent
DIST = ROOT / "dist"
AIRFLOW_2 = ROOT / ".nox" / "airflow-2-servers"
EXAMPLE = "peering-with-dbt"
PACKAGES = {
    "provider": ("apache-airflow-providers-dagster", "packages/airflow-provider-dagster"),
    "core": ("dagster-airlift-core", "packages/dagster-airlift-core"),
    "dbt": ("dagster-airlift-dbt", "packages/dagster-airlift-dbt"),
}
PARTS = ["provider", "provider-airflow-2", "core", "dbt", "together"]
# On Ctrl-C nox would kill its child after half a second; stopping Airflow and Dagster takes longer.
# The example begins to stop at the first signal and ignores the next ones.
INTERRUPT_SECONDS = 2.0
STOP_SECONDS = 90.0


def sync(session: nox.Session, *arguments: str) -> None:
    """Install from the lock what the arguments name, and nothing else, into the session's environment."""
    # Importing Airflow writes its configuration there.
    session.env["AIRFLOW_HOME"] = str(Path(session.virtualenv.location).resolve() / "airflow")
    session.run_install(
        *("uv", "sync", "--locked", "--compile-bytecode", "--quiet", *arguments),
        env={"UV_PROJECT_ENVIRONMENT": session.virtualenv.location},
    )


def provide_airflow_two(session: nox.Session) -> None:
    """Install Airflow 2, which shares no environment with Airflow 3, and tell the live tests where it is."""
    session.run_install(
        *("uv", "sync", "--locked", "--compile-bytecode", "--quiet", "--project", "airflow-2"),
        env={"UV_PROJECT_ENVIRONMENT": str(AIRFLOW_2)},
    )
    session.env["AIRLIFT_AIRFLOW_2_BIN"] = str(AIRFLOW_2 / "bin")


def run_pytest(session: nox.Session, *arguments: str, measured: bool = False) -> None:
    """Run pytest, under coverage if measured; posargs are passed on."""
    runner = ("coverage", "run", "-m", "pytest") if measured else ("pytest",)
    session.run(
        *(*runner, *arguments, *session.posargs),
        interrupt_timeout=INTERRUPT_SECONDS,
        terminate_timeout=STOP_SECONDS,
    )


def tell_story(session: nox.Session, *arguments: str) -> None:
    """Run the example; stopping its servers takes longer than nox would wait."""
    session.log("Installing what is not there yet; the first time this downloads some 200 packages.")
    sync(session, "--package", EXAMPLE)
    session.run(
        *("python", "-m", "peering_with_dbt.story", *arguments),
        env={"COLUMNS": os.environ.get("COLUMNS", "120")},
        interrupt_timeout=INTERRUPT_SECONDS,
        terminate_timeout=STOP_SECONDS,
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff (rules and format), and the import rules."""
    sync(session, "--all-packages", "--group", "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("uv", "lock", "--check", external=True)
    session.run("uv", "lock", "--check", "--project", "airflow-2", external=True)


@nox.session
def types(session: nox.Session) -> None:
    """Pyright, strict."""
    # Not editable: pyright finds no module in a namespace package that is one.
    sync(session, "--all-packages", "--all-groups", "--no-editable")
    session.run("pyright")


@nox.session
@nox.parametrize("part", PARTS, ids=PARTS)
def tests(session: nox.Session, part: str) -> None:
    """Each package with only its own dependencies, the provider on both Airflows; then all together, with live checks."""
    if part == "together":
        sync(session, "--all-packages", "--all-groups")
        provide_airflow_two(session)
        run_pytest(session, "-m", "not matrix", "tests", "examples")
        return
    if part == "provider-airflow-2":
        sync(session, "--project", "airflow-2", "--group", "test")
        run_pytest(session, PACKAGES["provider"][1], measured=True)
        return
    distribution, folder = PACKAGES[part]
    sync(session, "--package", distribution, "--group", "test")
    run_pytest(session, folder, measured=True)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """How much of the packages the `tests` sessions before it have covered."""
    session.install("coverage>=7.6")
    session.run("coverage", "combine")
    session.run("coverage", "report", "--include", "packages/*", "--fail-under", "97")


@nox.session
def live(session: nox.Session) -> None:
    """Only the tests that start real servers, with the long ones that `tests` leaves out."""
    sync(session, "--all-packages", "--all-groups")
    provide_airflow_two(session)
    run_pytest(session, "-m", "live", "tests", "examples")


@nox.session
@nox.parametrize("part", [*PACKAGES], ids=[*PACKAGES])
def minimums(session: nox.Session, part: str) -> None:
    """Each package with the lowest versions that it declares."""
    _, folder = PACKAGES[part]
    requirements = Path(session.virtualenv.location) / "requirements.txt"
    session.run_install(
        *(
            "uv",
            "pip",
            "compile",
            "--quiet",
            "--resolution",
            "lowest-direct",
            "--group",
            f"{folder}/pyproject.toml:test",
        ),
        *(f"{folder}/pyproject.toml", "--output-file", str(requirements)),
    )
    session.install("--compile-bytecode", "-r", str(requirements), "--no-deps", "-e", folder)
    run_pytest(session, folder)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation of the provider, with every warning an error; it is then in docs/_build."""
    sync(session, "--all-packages", "--group", "docs")
    folder = ROOT / PACKAGES["provider"][1] / "docs"
    session.run("sphinx-build", "-n", "-W", "--keep-going", "-q", str(folder), str(folder / "_build"))


@nox.session
def build(session: nox.Session) -> None:
    """The wheels and source distributions, into dist/."""
    for distribution, _ in PACKAGES.values():
        session.run(
            "uv", "build", "--quiet", "--package", distribution, "--out-dir", str(DIST), external=True
        )
    session.log("Built %s", ", ".join(sorted(path.name for path in DIST.glob("*.whl"))))


@nox.session(name="peering-with-dbt", reuse_venv=True)  # a second start must not pull it from under the first
def peering_with_dbt(session: nox.Session) -> None:
    """The whole idea on real servers; `-- --check` verifies it, stops everything and writes a report."""
    tell_story(session, *session.posargs)


@nox.session(default=False)
def screenshot(session: nox.Session) -> None:
    """The README's picture, taken from the running example by a headless Chromium."""
    tell_story(session, "--check", "--picture", "docs/lineage.png")


@nox.session(default=False)
def observation(session: nox.Session) -> None:
    """The state machine of the observation at length, from another seed each time; `-- EXAMPLES [SEED]`, 500 by default."""
    sync(session, "--package", PACKAGES["core"][0], "--group", "test")
    given = dict(zip(("examples", "seed"), session.posargs, strict=False))
    examples, seed = given.get("examples", "500"), given.get("seed", str(secrets.randbelow(2**32)))
    session.log("Seed %s: `-- %s %s` drives the same examples again.", seed, examples, seed)
    machine = f"{PACKAGES['core'][1]}/tests/test_machine.py"
    session.run(
        *("pytest", "-q", machine, f"--hypothesis-seed={seed}"), env={"AIRLIFT_MACHINE_EXAMPLES": examples}
    )


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """A real Airflow 3 in which two writers work, and a real daemon that dies each minute; `-- MINUTES`, 20 by default."""
    sync(session, "--all-packages", "--all-groups")
    minutes = session.posargs[0] if session.posargs else "20"
    session.run(
        *("pytest", "-s", "tests/test_soak_observation.py"),
        env={"AIRLIFT_SOAK_MINUTES": minutes},
        interrupt_timeout=INTERRUPT_SECONDS,
        terminate_timeout=STOP_SECONDS,
    )


@nox.session(name="benchmark-observing", default=False)
def benchmark_observing(session: nox.Session) -> None:
    """Observe synthetic Airflows, ours and the peer's in turn; `-- --quick` takes seconds."""
    sync(session, "--all-packages", "--group", "peer")
    session.run("python", "benchmarks/observing.py", *session.posargs)


@nox.session(name="benchmark-peering", default=False)
def benchmark_peering(session: nox.Session) -> None:
    """Load synthetic Airflows, ours and the peer's in turn; `-- --quick` takes seconds."""
    sync(session, "--all-packages", "--group", "peer")
    session.run("python", "benchmarks/peering.py", *session.posargs)


@nox.session(name="benchmark-launching", default=False)
def benchmark_launching(session: nox.Session) -> None:
    """Launch Dagster runs from Airflow 2.11, ours and the peer's in turn; `-- --quick` takes seconds."""
    sync(session, "--project", "airflow-2", "--group", "peer")
    session.run("python", "benchmarks/launching.py", *session.posargs)


@nox.session(name="benchmark-peering-real", default=False)
def benchmark_peering_real(session: nox.Session) -> None:
    """Load a real Airflow 2.11, ours and the peer's in turn."""
    sync(session, "--project", "airflow-2", "--group", "peer")
    session.run("python", "benchmarks/peering_real.py", *session.posargs)


@nox.session(name="benchmark-bystander", default=False)
def benchmark_bystander(session: nox.Session) -> None:
    """Load a real Airflow 2.11 over several numbers of connections, and see who waits for it."""
    sync(session, "--project", "airflow-2", "--group", "peer")
    session.run("python", "benchmarks/bystander.py", *session.posargs)
