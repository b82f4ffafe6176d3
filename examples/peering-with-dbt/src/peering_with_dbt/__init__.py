"""A small flower shop that moves one dbt task from Airflow to Dagster, and back."""
