python -m airflow.providers.dagster.scaffold dags
