"""What the reference documents: public names, by the module that a user imports them from.

It knows the lists in ``__all__`` and nothing of the modules behind them.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

FACES: Final = (
    "superstaq_jobs",
    "superstaq_jobs.emulator",
    "superstaq_jobs.testing",
    "superstaq_jobs.testing.strategies",
    "superstaq_jobs.testing.pytest_plugin",
    "superstaq_jobs.tables",
    "superstaq_jobs.interop.cirq",
    "superstaq_jobs.interop.qiskit",
    "superstaq_jobs.records",
    "superstaq_jobs.waiting",
)
"""The modules whose names are public, most important first."""


def names_of(face: str) -> list[str]:
    """The public names of a module, without those of the whole library."""
    module, library = importlib.import_module(face), importlib.import_module(FACES[0])
    return [
        name
        for name in module.__all__
        if name not in library.__all__ or getattr(module, name) is not getattr(library, name)
    ]


def exists(target: str) -> bool:
    """Whether a dotted path leads to an object that a module of this package defines."""
    return _resolved(target) is not None


def path_of(target: str) -> str | None:
    """Where an object, or a member of a class, is documented; None if it is not.

    Args:
        target: Its dotted path in the module that defines it.
    """
    found = _resolved(target)
    if found is None:
        return None
    thing, name, members = found
    face = _face_of(name, thing)
    return None if face is None else ".".join([face, name, *members])


def _resolved(target: str) -> tuple[object, str, list[str]] | None:
    """The object of a module that a path leads to, its name, and the rest of the path."""
    parts = target.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:cut]))
        if module is None or parts[0] != "superstaq_jobs":
            continue
        name, *members = parts[cut:]
        thing = inner = getattr(module, name, None)
        for member in members:
            inner = getattr(inner, member, None)
        return None if inner is None else (thing, name, members)
    return None


def _face_of(name: str, thing: object) -> str | None:
    for face in FACES:
        module = importlib.import_module(face)
        if name in module.__all__ and getattr(module, name) is thing:
            return face
    return None


def is_shown(base: Any) -> bool:
    """Whether a base class is named in the reference: a public one, or another library's."""
    origin = getattr(base, "__origin__", base)
    inside = origin.__module__.partition(".")[0] == "superstaq_jobs"
    return not inside or _face_of(origin.__name__, origin) is not None


def listed(lines: Iterable[str]) -> dict[str, str]:
    """The names that the content of the directive lists, each with the members to show.

    A line has names, or one name, a colon and the only members of it that a user needs.
    """
    names: dict[str, str] = {}
    for line in lines:
        head, _, members = line.partition(":")
        names.update(dict.fromkeys(head.split(), ", ".join(members.split())))
    return names


def documented(face: str, names: Mapping[str, str]) -> str:
    """The documentation of public names, as MyST Markdown."""
    module = importlib.import_module(face)
    blocks = []
    for name, members in names.items():
        if name not in module.__all__:
            raise ValueError(f"{name} is not a public name of {face}")
        blocks += [*_block(face, name, getattr(module, name), members), ""]
    return "\n".join(["```{eval-rst}", *blocks, "```", ""])


def _block(face: str, name: str, thing: Any, members: str) -> list[str]:
    path = f"{face}.{name}"
    if inspect.isclass(thing):
        kind = "exception" if issubclass(thing, BaseException) else "class"
        lines = [f".. auto{kind}:: {path}", f"   :members: {members}".rstrip()]
        if fields := getattr(thing, "_fields", ()):  # a named tuple documents them in its docstring
            lines.append(f"   :exclude-members: {', '.join(fields)}")
        if any(base is not object and is_shown(base) for base in thing.__bases__):
            lines.append("   :show-inheritance:")
        elif not members and not all(is_shown(base) for base in thing.__mro__):
            # With a list of members, this would show all of them.
            lines.append("   :inherited-members:")
        return lines
    wrapped = inspect.unwrap(thing) if callable(thing) else thing
    if inspect.isfunction(thing):
        return [f".. autofunction:: {path}"]
    if inspect.isfunction(wrapped):  # a pytest fixture
        doc = (inspect.getdoc(wrapped) or "").splitlines()
        return [f".. py:data:: {path}", "", *(f"   {line}".rstrip() for line in doc)]
    return [f".. py:data:: {path}", "", *(f"   {line}".rstrip() for line in _comment(name, thing))]


def _comment(name: str, thing: object) -> list[str]:
    """The docstring below a constant, in the module that defines it."""
    from sphinx.errors import PycodeError  # the rest of this module needs no Sphinx
    from sphinx.pycode import ModuleAnalyzer

    for module in sorted(m for m in sys.modules if m.startswith("superstaq_jobs")):
        if vars(sys.modules[module]).get(name) is not thing:
            continue
        try:
            found = ModuleAnalyzer.for_module(module).find_attr_docs()
        except PycodeError:
            continue
        if ("", name) in found:
            return found["", name]
    return []
