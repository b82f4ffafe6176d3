"""How Sphinx builds the documentation of the provider."""

from __future__ import annotations

from airflow.providers.dagster import __version__

project = "apache-airflow-providers-dagster"
author = "The airlift authors"
copyright = f"2026, {author}"  # noqa: A001 - Sphinx's name
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_typehints = "none"  # the docstrings say it in words
autodoc_inherit_docstrings = False
napoleon_google_docstring = True
napoleon_attr_annotations = False  # the same

html_theme = "furo"
html_title = "Airflow provider for Dagster"
