"""Links from task instances to Dagster."""
