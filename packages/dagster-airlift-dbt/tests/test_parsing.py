from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_airlift_dbt import DbtCommand, NonBuilding, Uncertain, parse_dbt

RUN = DbtCommand("run")
STAGING = DbtCommand("run", select="staging")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("dbt run", [RUN], id="bare"),
        pytest.param("cd /opt/shop && dbt run --select staging", [STAGING], id="after-cd"),
        pytest.param("cd /opt/shop; source .venv/bin/activate; dbt run -s staging", [STAGING], id="after-activate"),
        pytest.param("dbt seed && dbt run && dbt test", [DbtCommand("seed"), RUN, DbtCommand("test")], id="chain"),
        pytest.param("set -e\ndbt deps\ndbt run\n", [NonBuilding("dbt deps"), RUN], id="lines"),
        pytest.param("dbt run \\\n  --select staging \\\n  --target prod",
            [DbtCommand("run", select="staging", flags=("--target", "prod"))], id="line-continuation"),
        pytest.param("dbt run --select a b tag:c", [DbtCommand("run", select="a b tag:c")], id="several-values"),
        pytest.param('dbt run --select "a b"', [DbtCommand("run", select="a b")], id="quoted-values"),
        pytest.param("dbt run --select=a,tag:b --exclude=c", [DbtCommand("run", select="a,tag:b", exclude="c")], id="equals"),
        pytest.param("dbt run --select a --select b -m c", [DbtCommand("run", select="a b c")], id="repeated"),
        pytest.param("dbt run --models a", [DbtCommand("run", select="a")], id="older-name"),
        pytest.param("dbt build --selector nightly --full-refresh",
            [DbtCommand("build", selector="nightly", flags=("--full-refresh",))], id="selector"),
        pytest.param("dbt build --resource-type model seed --indirect-selection=cautious",
            [DbtCommand("build", resource_types=("model", "seed"), indirect_selection="cautious")], id="types"),
        pytest.param("dbt --no-use-colors --log-format json run -s staging",
            [DbtCommand("run", select="staging", flags=("--no-use-colors", "--log-format", "json"))], id="flags-before"),
        pytest.param("dbt run --vars '{\"day\": \"2024-01-01\"}' -s staging",
            [DbtCommand("run", select="staging", flags=("--vars", '{"day": "2024-01-01"}'))], id="vars"),
        pytest.param("dbt run --vars '{day: \"{{ ds }}\", x: \"{{ d['y'] }}\"}'",
            [DbtCommand("run", flags=("--vars", "{day: \"{{ ds }}\", x: \"{{ d['y'] }}\"}"))], id="template-in-vars"),
        pytest.param("$DBT_BIN run --select staging", [STAGING], id="variable"),
        pytest.param('"${DBT_BIN}" run --select staging', [STAGING], id="variable-in-quotes"),
        pytest.param("{{ params.dbt_bin }} run -s staging", [STAGING], id="program-by-template"),
        pytest.param("/opt/venv/bin/dbt run -s staging", [STAGING], id="path"),
        pytest.param("$VENV/bin/dbt run -s staging", [STAGING], id="path-with-variable"),
        pytest.param("dbtf run -s staging", [STAGING], id="fusion"),
        pytest.param("dbt-ol run -s staging", [STAGING], id="openlineage"),
        pytest.param("poetry run dbt run -s staging", [STAGING], id="poetry"),
        pytest.param("uv run --no-sync dbt run -s staging", [STAGING], id="uv"),
        pytest.param("conda run -n dbt_env dbt run -s staging", [STAGING], id="conda"),
        pytest.param("python -m dbt.cli.main run -s staging", [STAGING], id="module"),
        pytest.param("python3.11 -m dbt run -s staging", [STAGING], id="module-of-a-python"),
        pytest.param("DBT_TARGET=prod FOO='a b' dbt run -s staging", [STAGING], id="environment"),
        pytest.param("env -u A B=c timeout 30m nice -n 10 dbt run -s staging", [STAGING], id="runners"),
        pytest.param("sudo -u dbt dbt run -s staging", [STAGING], id="sudo"),
        pytest.param("exec dbt run -s staging 2>&1 | tee /tmp/log", [STAGING], id="tee"),
        pytest.param("dbt run -s staging > /tmp/log 2>/tmp/errors", [STAGING], id="redirected"),
        pytest.param("dbt run -s staging &> log &", [STAGING], id="background"),
        pytest.param("(cd shop && dbt run -s staging)", [STAGING], id="subshell"),
        pytest.param("{ dbt run -s staging; }", [STAGING], id="group"),
        pytest.param("bash -c 'cd x && dbt run -s staging'", [STAGING], id="bash-c"),
        pytest.param('/bin/sh -exc "dbt run -s staging"', [STAGING], id="sh-exc"),
        pytest.param("eval 'dbt run -s staging'", [STAGING], id="eval"),
        pytest.param("# dbt seed\ndbt run -s staging # dbt test", [STAGING], id="comments"),
        pytest.param("dbt run -s staging # it's here\n", [STAGING], id="quote-in-comment"),
        pytest.param("{# dbt seed #}dbt run -s staging", [STAGING], id="comment-of-jinja"),
        pytest.param("cat <<EOF > profiles.yml\ndbt seed\nEOF\ndbt run -s staging", [STAGING], id="heredoc"),
        pytest.param("X=$(dbt ls -s a) && dbt run -s staging", [NonBuilding("dbt ls -s a"), STAGING], id="substitution"),
        pytest.param("dbt run -s 'tag:a b'", [DbtCommand("run", select="tag:a b")], id="single-quotes"),
        pytest.param("dbt source freshness -s source:web", [NonBuilding("dbt source freshness -s source:web")], id="freshness"),
        pytest.param("dbt test {{ flags(params) }}", [NonBuilding("dbt test {{ flags(params) }}")], id="test-with-template"),
        pytest.param("dbt --version", [NonBuilding("dbt --version")], id="version"),
        pytest.param(["dbt", "run", "--select", "staging"], [STAGING], id="argv"),
        pytest.param(["build", "--select", "staging"], [DbtCommand("build", select="staging")], id="argv-of-an-image"),
        pytest.param(["/bin/bash", "-c", "dbt seed && dbt run -s staging"], [DbtCommand("seed"), STAGING], id="argv-shell"),
        pytest.param(["-c", "dbt run -s staging"], [STAGING], id="argv-of-a-shell"),
        pytest.param(["dbt run -s staging"], [STAGING], id="argv-of-one"),
        pytest.param(["dbt", "run", "--select", "a b"], [DbtCommand("run", select="a b")], id="argv-with-spaces"),
    ],
)  # fmt: skip
def test_a_dbt_command_is_read_as_dbt_reads_it(
    command: str | Sequence[str], expected: list[DbtCommand | NonBuilding]
) -> None:
    assert list(parse_dbt(command)) == expected


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        pytest.param("dbt run {{ flags(params) }}", r"'{{ flags\(params\) }}' may hold flags", id="template"),
        pytest.param("dbt run {% if params.x %}--full-refresh{% endif %}", "may hold flags", id="block"),
        pytest.param('dbt run "$@"', "may hold flags", id="arguments"),
        pytest.param("dbt run $FLAGS", "may hold flags", id="variable"),
        pytest.param("dbt {{ params.command }} -s x", "may hold flags", id="command"),
        pytest.param(
            "dbt run --select {{ params.models }}", "after --select is known in Airflow alone", id="selection"
        ),
        pytest.param(
            "dbt run --select tag:$TAG", "after --select is known in Airflow alone", id="part-of-a-selection"
        ),
        pytest.param(
            "dbt run -s 'tag:{{ params.tag }}'", "after -s is known in Airflow alone", id="quoted-template"
        ),
        pytest.param("dbt run --exclude=$(cat models)", "after --exclude is known", id="substitution"),
        pytest.param("dbt retry", "depends on what failed before", id="retry"),
        pytest.param("dbt run || dbt seed", "only if what stands before it fails", id="or"),
        pytest.param("if [ -f x ]; then dbt run; fi", "a condition, a loop or a function", id="if"),
        pytest.param("for x in a b; do dbt run -s a; done", "a condition, a loop or a function", id="for"),
        pytest.param("{% if params.x %}dbt run{% endif %}", "may hold flags", id="block-around"),
        pytest.param("{% if params.x %}\ndbt run\n{% endif %}", "a condition", id="block-of-lines"),
        pytest.param("if x; then bash -c 'dbt run'; fi", "a condition", id="shell-in-if"),
        pytest.param("go() { dbt run; }\necho", "a function", id="function"),
        pytest.param("docker run --rm image dbt run -s x", "docker runs it elsewhere", id="docker"),
        pytest.param("kubectl exec pod -- dbt build", "kubectl runs it elsewhere", id="kubectl"),
        pytest.param(
            "dbt run --unknown value", "takes no 'value', or a flag before it is not known", id="unknown-flag"
        ),
        pytest.param("dbt runn", "dbt has no command 'runn'", id="unknown-command"),
        pytest.param("dbt run --select", "--select has no value", id="no-value"),
        pytest.param("dbt run --indirect-selection greedy", "no indirect selection 'greedy'", id="indirect"),
        pytest.param(["dbt", "run", "{{ params.flags }}"], "may hold flags", id="argv"),
    ],
)
def test_what_cannot_be_told_says_why(command: str | Sequence[str], reason: str) -> None:
    uncertain = [each for each in parse_dbt(command) if isinstance(each, Uncertain)]

    assert len(uncertain) == 1
    assert re.search(reason, uncertain[0].reason)


@pytest.mark.parametrize(
    "command",
    [
        "gsutil cp gs://b/dbt run",
        "echo dbt run",
        "aws s3 sync s3://dbt run",
        "ls dbt",
        "# dbt run",
        "echo '; dbt run'",
        "pip install dbt && echo done",
        "python run_dbt.py run",
        "python -m pytest dbt run",
        "cat <<'EOF'\ndbt run\nEOF",
        "$DBT_DIR/prepare.sh run",
        "run --select x",
        "",
        [],
        ["python", "dbt", "run"],
    ],
)
def test_what_runs_no_dbt_has_none(command: str | Sequence[str]) -> None:
    assert parse_dbt(command) == ()


def test_what_stands_in_one_condition_does_not_make_others_uncertain() -> None:
    script = "if [ -f x ]; then\n  dbt seed\nfi\ndbt run -s staging || exit 1\ndbt test"

    seed, *others = parse_dbt(script)

    assert isinstance(seed, Uncertain)
    assert others == [STAGING, DbtCommand("test")]


def test_a_command_that_builds_nothing_says_which_it_is() -> None:
    (found,) = parse_dbt("dbt --no-use-colors source freshness")

    assert isinstance(found, NonBuilding)
    assert found.command == "source"


PIECES = st.sampled_from(
    [
        *(
            "dbt",
            "run",
            "build",
            "--select",
            "-s",
            "=",
            "x",
            " ",
            " ",
            "\n",
            "'",
            '"',
            "`",
            "$(",
            ")",
            "(",
            "{{",
        ),
        *("}}", "{%", "%}", "{#", "#}", "if", "fi", "&&", "||", ";", "|", ">", "2>&1", "<<", "\\", "$", "${"),
        *("}", "{", "#", "bash", "-c"),
    ]
)


@settings(deadline=None)
@given(
    st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60) | st.lists(st.text(max_size=9) | PIECES)
)
def test_no_command_is_too_odd_to_be_read(command: str | list[str]) -> None:
    for found in parse_dbt(command):
        assert isinstance(found, DbtCommand | NonBuilding | Uncertain)


NAMES = st.from_regex(r"[a-z][a-z_.:*/+@0-9]{0,9}", fullmatch=True)


@settings(deadline=None)
@given(
    select=st.lists(NAMES, max_size=3).map(" ".join),
    exclude=st.lists(NAMES, max_size=2).map(" ".join),
    resource_types=st.lists(st.sampled_from(["model", "seed"]), max_size=2).map(tuple),
    indirect_selection=st.sampled_from(["eager", "cautious", "buildable", "empty"]),
    flags=st.sampled_from(
        [(), ("--full-refresh",), ("--target", "prod"), ("--target=prod", "--threads", "4")]
    ),
)
def test_a_command_is_read_from_what_it_is_written_as(**fields: str | tuple[str, ...]) -> None:
    command = DbtCommand("build", **fields)  # pyright: ignore[reportArgumentType]

    assert parse_dbt(str(command)) == (command,)
