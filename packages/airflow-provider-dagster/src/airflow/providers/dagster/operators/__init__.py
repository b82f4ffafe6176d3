"""Operators that have Dagster do the work."""
