"""How the documentation is built: ``sphinx-build -W docs docs/_build``. Needs no network."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, is_typeddict

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import pictures  # noqa: E402
import planted  # noqa: E402
import public  # noqa: E402
import tables  # noqa: E402

from superstaq_jobs import __version__  # noqa: E402
from superstaq_jobs.emulator import DEFAULT_TARGETS, emulator  # noqa: E402
from superstaq_jobs.testing import Fault  # noqa: E402

# The emulator imports it for type checkers only. Without it, autodoc would leave the annotations of
# `Emulator` as they are written, and there are two classes named Target.
vars(emulator)["Fault"] = Fault

# The theme's highlighting styles call `logging.basicConfig(level=INFO)` when they are imported.
# It does nothing if the root logger has a handler, so the log of the code that runs here stays off.
logging.getLogger().addHandler(logging.NullHandler())

project = "superstaq_jobs"
author = "the superstaq_jobs contributors"
copyright = "2026, the superstaq_jobs contributors"  # noqa: A001 - Sphinx's name
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
# What is copied from a docstring or a console is a program or a command, without prompt and output.
# What a program prints has no button.
copybutton_exclude = ".linenos, .gp, .go"
copybutton_selector = "div:not(.highlight-text)>div.highlight>pre"

exclude_patterns = ["_build", "changelog.d", "example_pipeline", "examples"]
source_suffix = {".md": "markdown"}

html_theme = "furo"
html_title = f"superstaq_jobs {release}"
html_static_path = ["_static"]
html_css_files = ["narrow.css"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
maximum_signature_line_length = 80
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
nitpicky = True
# Names of other libraries and of the standard library: without the network there is nothing to
# link them to. Names of this package are still checked.
nitpick_ignore_regex = [(r"py:.*", r"(?!superstaq_jobs).*")]


def _written(make: Callable[[], str]) -> type[SphinxDirective]:
    """A directive whose content is the MyST Markdown that a function returns."""

    class Written(SphinxDirective):
        def run(self) -> list[nodes.Node]:
            self.env.note_dependency(tables.__file__)
            for module in (*tables.SOURCES, *planted.SOURCES):
                self.env.note_dependency(str(module))
            return self.parse_text_to_nodes(make(), offset=0)

    return Written


class PublicNames(SphinxDirective):
    """The documentation of public names of a module: those in the content, or all of them."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(public.__file__)
        for module in tables.SOURCES:
            self.env.note_dependency(str(module))
        face = self.arguments[0]
        names = public.listed(self.content or public.names_of(face))
        return self.parse_text_to_nodes(public.documented(face, names), offset=0)


def _keep_first_line(
    _app: Sphinx, what: str, _name: str, _thing: Any, _options: Any, lines: list[str]
) -> None:
    # Napoleon takes what stands before a colon in the first line of a property for its type.
    if what in {"attribute", "data", "property"} and lines and ":" in lines[0]:
        lines[:0] = ["..", ""]


_LITERAL = re.compile(r'(?<=<span class="pre">)[^<]{12,}(?=</span>)')
_BREAKS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[\w\])\"'][._(\[/=])(?<!\d\.)(?=[\w\"'])")
_OPTION = re.compile(r"(?<=[ >])--?\w[-\w]*(?=[^<>]*<)")
_CELL = re.compile(r"<td.*?</td>", re.DOTALL)
_QUANTITY = re.compile(
    r"(?<=[≤≥±]) (?=\d)|(?<=&lt;) (?=\d)|(?<=\d) (?=(?:[mnµ]?s|(?:[kKMG]i?)?B|h|min)\b|%)"
)
_CODE = re.compile(r"(?<=<pre>).*?(?=</pre>)", re.DOTALL)
_CODE_LINE = re.compile(r"^(?:<[^>]*>)*( *).*\S.*$", re.MULTILINE)


def _hang(line: re.Match[str]) -> str:
    return f'<span class="code-line" style="--indent: {len(line[1])}ch">{line[0]}</span>'


def _let_lines_wrap(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Let a long name wrap between its words, and code below its own indentation, to fit a window.

    The hyphens of an option stay together, and so do a number and its unit in a table.
    """
    if doctree is not None:
        body = _CODE.sub(lambda code: _CODE_LINE.sub(_hang, code[0]), context["body"])
        body = _LITERAL.sub(lambda literal: _BREAKS.sub("<wbr>", literal[0]), body)
        body = _CELL.sub(lambda cell: _QUANTITY.sub("\u00a0", cell[0]), body)
        context["body"] = _OPTION.sub(r'<span class="option">\g<0></span>', body)


def _show_public_bases(
    _app: Sphinx, _name: str, thing: Any, _options: Any, bases: list[Any]
) -> None:
    shown = [base for base in bases if public.is_shown(base)]
    bases[:] = [TypedDict] if is_typeddict(thing) else shown or [object]


def _shorten_defaults(
    _app: Sphinx,
    what: str,
    _name: str,
    thing: Any,
    _options: Any,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Shorten the defaults that attrs makes for each object, and those that are functions.

    A protocol has no arguments: nobody makes one.
    """
    if what == "class" and getattr(thing, "_is_protocol", False):
        return "", None
    if signature:
        signature = signature.replace("= NOTHING", "= ...")
        signature = signature.replace(repr(DEFAULT_TARGETS), "DEFAULT_TARGETS")
        signature = re.sub(r"<built-in method (\w+) of Random object>", r"random.\1", signature)
    return signature, returns


def _link_to_public_name(
    app: Sphinx, env: BuildEnvironment, node: Any, content: nodes.TextElement
) -> nodes.Element | None:
    """Link an object, named by the module that defines it, to where it is documented.

    An object of this package that is not public is named without a link.
    """
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not public.exists(target):
        return None
    documented = public.path_of(target)
    if documented is None:
        return content
    domain = env.domains["py"]
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", documented, node, content)


def setup(app: Sphinx) -> dict[str, Any]:
    for name, make in {**tables.TABLES, **planted.REPORTS, **pictures.VIEWS}.items():
        app.add_directive(name, _written(make))
    app.add_directive("public-names", PublicNames)
    app.connect("autodoc-process-bases", _show_public_bases)
    app.connect("autodoc-process-signature", _shorten_defaults)
    app.connect("autodoc-process-docstring", _keep_first_line, priority=100)
    app.connect("html-page-context", _let_lines_wrap)
    app.connect("missing-reference", _link_to_public_name)
    return {"parallel_read_safe": True}
