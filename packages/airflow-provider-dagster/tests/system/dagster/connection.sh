# [START howto_connection]
export AIRFLOW_CONN_DAGSTER_DEFAULT='{"conn_type": "dagster", "host": "http://127.0.0.1:3000"}'
# [END howto_connection]
