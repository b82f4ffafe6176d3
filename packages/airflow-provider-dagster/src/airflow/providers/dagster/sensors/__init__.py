"""Sensors for Dagster."""
