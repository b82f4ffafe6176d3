"""What definitions that observe are told by the environment, for a daemon passes nothing else on."""

from __future__ import annotations

AIRFLOW_URL_VARIABLE = "BENCHMARK_AIRFLOW_URL"
DAGS_VARIABLE = "BENCHMARK_DAGS"
INSTANCE = "benchmark"
INTERVAL_SECONDS = 1
"""Least time between two ticks; the default of both tools is 30."""
