"""How Sphinx builds this folder: `sphinx-build -W docs build/docs`. Its pages are plain Markdown, by MyST."""

import os
import re
import sysconfig

import mbench

# A notebook calls `mbench` as a reader does, also where this interpreter's own folder of commands is not on the path.
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])

project = "mbench"
author = "the mbench contributors"
release = mbench.__version__
html_title = f"mbench {release}"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_click"]
exclude_patterns = ["_build", "jupyter_execute"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["mbench.css"]
html_show_copyright = False
myst_heading_anchors = 4

# A notebook's cells run when the docs are built; one that raises ends the build.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"


def write_plainly(lines: list[str]) -> list[str]:
    """Return a docstring as reStructuredText that shows it as it is written: paragraphs, lists and names in `quotes`.

    Our docstrings are plain text, where an asterisk or a bar is a letter. A line such as `shape: what it is` starts a
    paragraph of its own, and so do the errors.
    """
    shown: list[str] = []
    is_deeper = False
    for line in lines:
        text = line.strip()
        is_item, is_name = text.startswith("- "), re.match(r"\w+(, \w+)*: ", text) is not None
        ends_name = is_deeper and not line.startswith(" ")
        if not text or is_item or is_name or ends_name or text.startswith(("Returns ", "Raises ")):
            shown.append("")
        is_deeper = bool(text) and not is_item and (is_name or (is_deeper and not ends_name))
        parts = re.split(r"(`[^`]*`)", text.removeprefix("- "))
        words = "".join(f"`{part}`" if part.startswith("`") else re.sub(r"([\\*|_])", r"\\\1", part) for part in parts)
        shown.append(("- " if is_item else "") + words)
        in_list = is_item or (bool(text) and len(shown) > 1 and shown[-2].startswith(("- ", "  ")))
        if in_list and not is_item:
            shown[-1] = f"  {shown[-1]}"
    return [*shown, ""]


def setup(app):
    """Have Sphinx show docstrings plainly."""
    app.connect("autodoc-process-docstring", lambda app, what, name, found, options, lines: lines.__setitem__(
        slice(None), write_plainly(lines)))  # fmt: skip
