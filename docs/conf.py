"""How the documentation is built: ``sphinx-build -W docs docs/_build``. Needs no network."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import planted  # noqa: E402
import tables  # noqa: E402

from superstaq_jobs import __version__  # noqa: E402

project = "superstaq_jobs"
author = "the superstaq_jobs contributors"
copyright = "2026, the superstaq_jobs contributors"  # noqa: A001 - Sphinx's name
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "changelog.d", "example_pipeline"]
source_suffix = {".md": "markdown"}

html_theme = "furo"
html_title = f"superstaq_jobs {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
nitpicky = True
# Names of other libraries and of the standard library: without the network there is nothing to
# link them to. Names of this package are still checked.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!superstaq_jobs).*"),
    (r"py:.*", r"superstaq_jobs\..*\.(T|K|V_co|OnChange)"),
    # How a snapshot's circuits wait to be made is nobody's business.
    (r"py:.*", r"superstaq_jobs\.records\.snapshots\._Unfolding"),
    # What the emulator and its simulator say to each other is no matter for users.
    (r"py:.*", r"superstaq_jobs\.emulator\.simulator\..*"),
]


def _table(make: Callable[[], str]) -> type[SphinxDirective]:
    """A directive whose content is what a function of ``tables`` writes, as MyST Markdown."""

    class Table(SphinxDirective):
        def run(self) -> list[nodes.Node]:
            self.env.note_dependency(tables.__file__)
            for module in (*tables.SOURCES, *planted.SOURCES):
                self.env.note_dependency(str(module))
            return self.parse_text_to_nodes(make(), offset=0)

    return Table


def _keep_first_line(
    _app: Sphinx, what: str, _name: str, _thing: Any, _options: Any, lines: list[str]
) -> None:
    # Napoleon takes what stands before a colon in the first line of a property for its type.
    if what in {"attribute", "data", "property"} and lines and ":" in lines[0]:
        lines[:0] = ["..", ""]


def setup(app: Sphinx) -> dict[str, Any]:
    for name, make in {**tables.TABLES, **planted.REPORTS}.items():
        app.add_directive(name, _table(make))
    app.connect("autodoc-process-docstring", _keep_first_line, priority=100)
    return {"parallel_read_safe": True}
