"""Hooks: an Airflow connection in, a client of Dagster out."""
