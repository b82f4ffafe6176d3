"""The connection form for Airflow before 3.2, out of the description that later ones read themselves."""

from __future__ import annotations

from typing import Any

from airflow.providers.dagster.get_provider_info import get_provider_info

__all__ = ["field_behaviour", "widgets"]


def field_behaviour() -> dict[str, Any]:
    """Give what Airflow hides, renames and hints at of the fields that every connection has.

    Returns:
        A dictionary that follows Airflow's `customized_form_field_behaviours.schema.json`.
    """
    return {key.replace("-", "_"): value for key, value in _description()["ui-field-behaviour"].items()}


def widgets() -> dict[str, Any]:
    """Give the fields that only this type of connection has.

    Returns:
        Fields of WTForms by name.
    """
    # Only the webserver of Airflow 2 has these libraries, and it takes no other classes of fields than these.
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget  # noqa: PLC0415  # pyright: ignore - Airflow 2
    from wtforms import BooleanField, IntegerField, PasswordField, StringField  # noqa: PLC0415  # pyright: ignore - Airflow 2
    from wtforms.validators import Optional  # noqa: PLC0415  # pyright: ignore - Airflow 2

    def widget(label: str, schema: dict[str, Any], description: str = "") -> Any:  # noqa: ANN401 - untyped
        # All types of connection share one form there: an empty field of ours must not stop another one.
        shown: dict[str, Any] = {"label": label, "validators": [Optional()], "description": description}
        default = schema.get("default")
        if "boolean" in schema["type"]:
            return BooleanField(**shown, default=default)
        if schema.get("format") == "password":
            return PasswordField(**shown, widget=BS3PasswordFieldWidget())  # pyright: ignore[reportUnknownArgumentType]
        kind = IntegerField if {"number", "integer"} & set(schema["type"]) else StringField
        return kind(**shown, default=default, widget=BS3TextFieldWidget())  # pyright: ignore[reportUnknownArgumentType]

    return {name: widget(**field) for name, field in _description()["conn-fields"].items()}


def _description() -> dict[str, Any]:
    (description,) = get_provider_info()["connection-types"]
    return description
