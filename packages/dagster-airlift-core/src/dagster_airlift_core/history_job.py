"""The job that imports the history of an Airflow instance."""

# Dagster looks at the annotations of an op, so they must not be put off (no __future__ import).
from dagster import Config, JobDefinition, OpExecutionContext, job, op
from pydantic import Field

from dagster_airlift_core._dagster_private import repository_of_run
from dagster_airlift_core.handles import dagster_name
from dagster_airlift_core.history import HistoryImport
from dagster_airlift_core.sensor import Observer


class HistoryConfig(Config):
    """What is imported, and how fast.

    Args:
        days: How many days back; the last two are the sensor's.
        events_per_second: Events that are stored a second at most, on average.
        restart: Whether to begin with the first day, wherever an earlier import stopped.
    """

    days: int = Field(default=30, gt=2, description="How many days back; the last two are the sensor's.")
    events_per_second: float = Field(
        default=20.0, gt=0, description="Events that are stored a second at most, on average."
    )
    restart: bool = Field(default=False, description="Begin with the first day, wherever one stopped before.")


def history_job_name(instance: str) -> str:
    """Return the name of the job that imports the history of an Airflow instance."""
    return f"{dagster_name(instance)}__airflow_history"


def history_job(observer: Observer) -> JobDefinition:
    """Return the job that imports what ended in Airflow before the last two days.

    Args:
        observer: What is looked at, and how it is told of.
    """
    name = history_job_name(observer.airflow.name)

    @op(name=f"{name}_import", description="Records what ended in Airflow in the days before the last two.")
    def import_history(context: OpExecutionContext, config: HistoryConfig) -> None:
        where = repository_of_run(context.run)
        history = HistoryImport(observer, context.instance, context.log, config.events_per_second, where)
        done = history.run(config.days, restart=config.restart)
        context.add_output_metadata({"Imported Events": done.events})

    @job(
        name=name,
        description=f"Imports the history of the Airflow instance {observer.airflow.name}; goes on where it stopped.",
    )
    def airflow_history() -> None:
        import_history()

    return airflow_history
