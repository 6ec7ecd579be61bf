"""How Sphinx builds this folder: `sphinx-build -W docs build/docs`. Its pages are plain Markdown, by MyST."""

import inspect
import re

import click

import mbench
import mbench.cli

project = "mbench"
author = "the mbench authors"
release = mbench.__version__
html_title = f"mbench {release}"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["jupyter_execute", "_build"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["mbench.css"]
html_theme_options = {"source_repository": "", "navigation_with_keys": False}
myst_heading_anchors = 4
suppress_warnings = ["toc.empty_glob"]

# A notebook's cells run when the docs are built; one that raises ends the build.
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_in_temp = True
nb_merge_streams = True

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
