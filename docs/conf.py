"""Sphinx: the docs are built with warnings as errors."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for docs.running

os.environ["COLUMNS"] = "110"  # the width of the help texts below

import typer.testing

import genrebench
from genrebench.cli._pages import page_of
from genrebench.cli.main import app

project = "genrebench"
author = "The genrebench developers"
version = release = genrebench.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "docs.running.extension"]
html_theme = "furo"
html_title = "genrebench"
html_static_path = ["_static"]
html_css_files = ["outputs.css"]
exclude_patterns = ["_build", "_drawn", "reference/_*.md"]
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say types and shapes
autodoc_mock_imports = ["torch"]
napoleon_google_docstring = False
napoleon_use_rtype = False
default_role = "code"


def help_pages() -> str:
    """The help of every command as Markdown, from the program itself."""
    runner = typer.testing.CliRunner()
    group = typer.main.get_command(app)
    pages = []

    def walk(command, words):
        text = runner.invoke(app, [*words, "--help"], prog_name="genrebench").output
        heading = f"## genrebench {' '.join(words)}".rstrip()
        pages.append(f"{heading}\n\n```text\n{text.rstrip()}\n```\n\nMore: [](../{page_of(*words)})\n")
        for name, child in getattr(command, "commands", {}).items():
            walk(child, [*words, name])

    walk(group, [])
    return "\n".join(pages)


(Path(__file__).parent / "reference" / "_cli.md").write_text(help_pages(), encoding="utf-8")
