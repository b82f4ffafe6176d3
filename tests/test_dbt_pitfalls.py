"""What goes wrong when dbt runs in Airflow, and the test of each: one that is renamed or dropped is missed here."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DBT = "packages/dagster-airlift-dbt/tests"
CORE = "packages/dagster-airlift-core/tests"
PROVIDER = "packages/airflow-provider-dagster/tests"

PITFALLS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "dbt compile and dbt docs write results that say success": {
        f"{DBT}/test_run_results.py": ("test_only_a_command_that_does_something_counts",),
        f"{DBT}/test_result_events.py": ("test_results_of_a_compilation_are_no_builds",),
        f"{DBT}/test_task_results.py": (
            "test_results_that_are_not_those_of_a_build_by_this_try_are_not_believed",
        ),
    },
    "each command of a chain overwrites the results of the one before": {
        f"{DBT}/test_task_results.py": ("test_what_a_chain_of_commands_overwrote_is_assumed_of_a_success",),
        f"{DBT}/test_last_runs.py": (
            "test_of_a_chain_the_commands_without_results_count_by_their_selection",
        ),
    },
    "a task that dies before dbt starts leaves a stale file": {
        f"{DBT}/test_run_results.py": (
            "test_the_stamp_of_the_try_is_proof_whatever_the_clocks_say",
            "test_results_without_a_stamp_must_be_of_the_time_of_the_try",
        ),
        f"{DBT}/test_shipping.py": ("test_a_task_that_dies_before_dbt_starts_ships_nothing_old",),
    },
    "Airflow cuts and masks rendered fields": {
        f"{DBT}/test_recognition.py": (
            "test_what_is_cut_masked_or_decided_elsewhere_is_uncertain",
            "test_a_masked_variable_does_not_hide_what_is_selected",
        ),
        f"{DBT}/test_discovery.py": (
            "test_a_discovered_task_that_dagster_cannot_run_word_for_word_stays_as_it_is",
        ),
    },
    "a template or a variable selects": {
        f"{DBT}/test_parsing.py": ("test_what_cannot_be_told_says_why",),
        f"{DBT}/test_last_runs.py": ("test_results_say_what_a_template_hides",),
    },
    "the target decides about schemas, by --target and generate_schema_name": {
        f"{DBT}/test_targets.py": (
            "test_the_assets_of_a_project_do_not_depend_on_the_target_of_its_manifest",
        ),
        f"{DBT}/test_preflight.py": ("test_each_difference_to_what_was_given_is_listed",),
    },
    "the manifest is of another target than the run": {
        f"{DBT}/test_targets.py": (
            "test_results_of_another_target_are_those_of_the_same_models_where_they_really_are",
            "test_lines_of_a_log_that_name_relations_of_another_target_are_not_guessed",
            "test_the_manifests_of_two_targets_of_one_project_are_refused",
        ),
    },
    "equal aliases, and equal names of models in two packages": {
        f"{DBT}/test_result_sources.py": ("test_a_name_that_may_mean_two_things_is_not_guessed",),
        f"{DBT}/test_discovery.py": (
            "test_a_name_that_two_packages_have_is_no_certain_task_id_and_a_selection_is",
        ),
        f"{DBT}/test_selection.py": ("test_two_resources_with_one_key_are_refused",),
    },
    "models that are versioned, disabled, or ephemeral (no asset, yet a task of Cosmos)": {
        f"{DBT}/test_discovery.py": (
            "test_cosmos_is_known_by_what_it_selected_once_it_has_run",
            "test_a_model_that_is_disabled_or_newer_than_the_manifest_is_selected_by_nothing",
        ),
        f"{DBT}/test_selection.py": ("test_an_ephemeral_model_is_no_asset",),
        f"{DBT}/test_last_runs.py": ("test_an_ephemeral_model_is_not_missed_for_it_has_no_result",),
    },
    "Cosmos makes an EmptyOperator of an ephemeral model": {
        f"{DBT}/test_recognition.py": ("test_what_a_class_says_nothing_about_is_not_taken_for_dbt",),
    },
    "tasks that only test, or only look how old sources are": {
        f"{DBT}/test_task_results.py": (
            "test_a_task_that_only_tests_tells_of_its_tests_and_of_nothing_else",
            "test_a_task_that_only_looks_how_old_the_sources_are_tells_of_that",
        ),
        f"{DBT}/test_migrated_tests.py": (
            "test_it_runs_the_tests_by_the_same_command_and_each_is_evaluated_where_its_check_is",
        ),
    },
    "each run of an ad hoc DAG selects something else": {
        f"{DBT}/test_discovery.py": ("test_an_ad_hoc_dag_is_mapped_to_what_its_last_run_selected",),
        f"{DBT}/test_last_runs.py": ("test_each_run_of_an_ad_hoc_dag_counts_however_it_selects",),
    },
    "each try of a task builds a part": {
        f"{DBT}/test_task_results.py": ("test_each_try_tells_of_its_own_models",),
        f"{DBT}/test_last_runs.py": ("test_the_tries_of_a_run_are_taken_together",),
    },
    "a task is cleared and runs again": {
        f"{CORE}/test_sensor.py": ("test_a_clear_observes_the_task_that_ran_again_and_no_other",),
        f"{DBT}/test_task_results.py": ("test_each_try_tells_of_its_own_models",),
    },
    "a task is dynamically mapped": {
        f"{DBT}/test_task_results.py": ("test_the_copies_of_a_mapped_task_are_put_together",),
        f"{DBT}/test_recognition.py": ("test_the_copies_of_a_mapped_task_are_taken_together",),
    },
    "a deferrable task ends long after dbt did": {
        f"{DBT}/test_task_results.py": ("test_a_task_that_was_deferred_has_the_results_of_all_its_time",),
    },
    "a task that failed has built a part": {
        f"{DBT}/test_task_results.py": (
            "test_of_a_failed_task_dagster_shows_what_was_built_what_failed_and_what_was_skipped",
        ),
        f"{DBT}/test_last_runs.py": ("test_what_dbt_skipped_or_failed_at_was_selected_all_the_same",),
    },
    "a task ran models outside of its selection": {
        f"{DBT}/test_task_results.py": ("test_a_task_that_ran_more_than_its_selection_tells_of_it",),
        f"{DBT}/test_last_runs.py": (
            "test_a_task_that_ran_something_else_than_its_selection_is_a_difference",
        ),
    },
    "a proxied task and its twin in Airflow both tell of a model": {
        f"{DBT}/test_task_results.py": (
            "test_a_model_of_a_proxied_task_and_of_its_twin_in_airflow_is_told_of_each_run_once",
        ),
        "tests/test_live_dbt_migration.py": ("test_a_migrated_task_has_dagster_run_exactly_its_preflight",),
    },
    "DuckDB has one writer: a proxied task keeps its pool while Dagster writes": {
        f"{PROVIDER}/test_proxying.py": ("test_a_proxied_dag_differs_in_the_class_of_its_tasks_only",),
        "tests/test_live_dbt_migration.py": ("test_a_migrated_task_has_dagster_run_exactly_its_preflight",),
    },
    "Fusion leaves out fields": {
        f"{DBT}/test_run_results.py": ("test_what_fusion_leaves_out_is_missing_and_no_error",),
        f"{DBT}/test_specs.py": ("test_of_a_resource_nothing_but_its_id_has_to_be_there",),
    },
    "one Airflow runs several projects": {
        f"{DBT}/test_manifest.py": ("test_tasks_run_models_of_several_projects",),
        f"{DBT}/test_discovery.py": ("test_a_task_runs_in_the_project_in_which_it_selects_something",),
    },
    "dagster-dbt copies the project to name more than 200 resources": {
        f"{DBT}/test_dbt_on_airflow.py": (
            "test_a_task_of_more_models_than_dagster_dbt_names_is_run_by_its_own_words_where_the_project_lies",
            "test_asked_for_the_assets_of_a_task_dagster_runs_its_words_also_where_sources_have_checks",
        ),
    },
    "a project has 10,000 models": {
        f"{DBT}/test_large.py": (
            "test_ten_thousand_models_are_mapped_to_ten_thousand_tasks_within_a_code_locations_patience",
        ),
    },
}


@cache
def names_in(file: str) -> frozenset[str]:
    parsed = ast.parse((ROOT / file).read_text())
    return frozenset(each.name for each in ast.walk(parsed) if isinstance(each, ast.FunctionDef))


@pytest.mark.parametrize("pitfall", PITFALLS)
def test_each_pitfall_has_its_test(pitfall: str) -> None:
    missing = [
        f"{file}::{name}"
        for file, names in PITFALLS[pitfall].items()
        for name in names
        if name not in names_in(file)
    ]

    assert PITFALLS[pitfall]
    assert missing == []
