"""What Airflow has to know about this provider: `provider.yaml` without what only its development needs."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Give Airflow the description of this provider.

    Returns:
        A dictionary that follows Airflow's `provider_info.schema.json`.
    """
    return {
        "package-name": "apache-airflow-providers-dagster",
        "name": "Dagster",
        "description": "`Dagster <https://dagster.io/>`__: hand the work of a task to Dagster, one task at a "
        "time, without changing the DAG.\n",
        "integrations": [
            {
                "integration-name": "Dagster",
                "external-doc-url": "https://docs.dagster.io/",
                "tags": ["service"],
            }
        ],
        "operators": [
            {"integration-name": "Dagster", "python-modules": ["airflow.providers.dagster.operators.dagster"]}
        ],
        "sensors": [
            {"integration-name": "Dagster", "python-modules": ["airflow.providers.dagster.sensors.dagster"]}
        ],
        "hooks": [
            {"integration-name": "Dagster", "python-modules": ["airflow.providers.dagster.hooks.dagster"]}
        ],
        "triggers": [
            {
                "integration-name": "Dagster",
                "python-modules": [
                    "airflow.providers.dagster.triggers.dagster",
                    "airflow.providers.dagster.triggers.watching",
                ],
            }
        ],
        "extra-links": ["airflow.providers.dagster.links.dagster.DagsterRunLink"],
        "connection-types": [
            {
                "connection-type": "dagster",
                "hook-class-name": "airflow.providers.dagster.hooks.dagster.DagsterHook",
                "hook-name": "Dagster",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {
                        "host": "Dagster webserver URL",
                        "login": "User name",
                        "password": "API token or password",
                    },
                    "placeholders": {
                        "host": "https://dagster.example.com",
                        "port": "only if it is not in the URL",
                        "login": "only for basic authentication",
                        "password": "empty if Dagster asks for none",
                    },
                },
                "conn-fields": {
                    "auth": {
                        "label": "Authentication",
                        "description": "How the password is sent: token (the "
                        "header of Dagster+), bearer, or basic "
                        "with the user name. Basic when there "
                        "is a user name, else token.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "headers": {
                        "label": "Headers",
                        "description": 'Further headers of each request, as JSON: {"X-Team": "sales"}.',
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "timeout": {
                        "label": "Timeout (seconds)",
                        "description": "How long to wait for an answer of Dagster.",
                        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": 60},
                    },
                    "connect_timeout": {
                        "label": "Timeout of connecting (seconds)",
                        "description": "How long to wait for a connection.",
                        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": 10},
                    },
                    "ca_bundle": {
                        "label": "CA bundle",
                        "description": "File on the worker with the "
                        "certificates to trust, where "
                        "those of the system are not "
                        "right.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "proxy": {
                        "label": "Proxy",
                        "description": "URL of an HTTP proxy on the way to "
                        "Dagster, where that of the "
                        "environment is not right.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "allow_http": {
                        "label": "Allow plain HTTP",
                        "description": "Send the API token over http:// to another machine.",
                        "schema": {"type": ["boolean", "null"], "default": False},
                    },
                },
            }
        ],
        "config": {
            "dagster": {
                "description": "How proxied tasks find their assets in Dagster.",
                "options": {
                    "instance_name": {
                        "description": "Name of this Airflow instance, "
                        "as the mappings of Dagster's "
                        "assets spell it. Needed when "
                        "several Airflow\n"
                        "instances map assets to equal "
                        "DAGs and tasks in one Dagster; "
                        "when empty, there must be only "
                        "one. With\n"
                        "it, a task asks for what is "
                        "mapped to it alone, where "
                        "Dagster peers with this Airflow "
                        "instance.\n",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "production",
                        "default": "",
                    },
                    "migration_state_path": {
                        "description": "Folder with the migration state, one file for each DAG. When it is set, migrated tasks are handed to Dagster\nas soon as Airflow reads a DAG, and no DAG file needs a call. A relative path is looked for beside the DAG\nfile and in the folders above it, up to the root of the DAG bundle. It must have the same content for the DAG\nprocessor and for every worker.\n",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "migration_state",
                        "default": "",
                    },
                    "conn_id": {
                        "description": "Connection to Dagster for the tasks that are handed over so.\n",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "dagster_production",
                        "default": "dagster_default",
                    },
                },
            }
        },
    }
