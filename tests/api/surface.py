"""The public API as lines of text: names, signatures, fields, members, and the bases of errors."""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any

import attrs

__all__ = ["FACES", "lines", "names_in"]

FACES = (
    "superstaq_jobs",
    "superstaq_jobs.waiting",
    "superstaq_jobs.interop",
    "superstaq_jobs.interop.cirq",
    "superstaq_jobs.interop.qiskit",
    "superstaq_jobs.tables",
    "superstaq_jobs.testing",
    "superstaq_jobs.testing.strategies",
    "superstaq_jobs.emulator",
)
"""The modules that a user imports; what is public in each is in its ``__all__``."""

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_OPTIONAL = re.compile(r"Optional\[ForwardRef\('([^']*)'\)\]")  # as some Pythons write it


def lines() -> list[str]:
    """A line for each public thing, ``face.name.member: what it is``, in alphabetical order."""
    return sorted(
        line
        for face in FACES
        for name in importlib.import_module(face).__all__
        for line in _lines(f"{face}.{name}", getattr(importlib.import_module(face), name))
    )


def names_in(changed: list[str]) -> set[str]:
    """The names that some lines are about, as a changelog mentions them: without their module."""
    faces = sorted(FACES, key=len, reverse=True)
    names = set()
    for line in changed:
        path = line.partition(": ")[0]
        face = next(each for each in faces if path.startswith(f"{each}."))
        names.add(path.removeprefix(f"{face}.").partition(".")[0])
    return names


def _lines(path: str, value: Any) -> Iterator[str]:
    if not inspect.isclass(value):
        what = f"def {_signature(value)}" if inspect.isroutine(value) else _constant(value)
        yield f"{path}: {what}"
        return
    # A pickle names the module of a class, so that it cannot move.
    bases = ", ".join(base.__name__ for base in value.__bases__)
    yield f"{path}: class of {value.__module__} ({bases})"
    if issubclass(value, enum.Enum):
        yield from (f"{path}.{each.name}: {each.value!r}" for each in value)
    elif typing.is_typeddict(value):
        yield from (f"{path}.{name}: option" for name in value.__annotations__)
        return
    else:
        yield f"{path}(): {_signature(value)}"
    # As it is written: `field.type` changes when somebody resolves it.
    written = {n: t for c in reversed(value.__mro__) for n, t in inspect.get_annotations(c).items()}
    fields = {field.name for field in attrs.fields(value)} if attrs.has(value) else set()
    for field in attrs.fields(value) if fields else ():
        default = "" if field.default is attrs.NOTHING else f" = {_shown(field.default)}"
        yield f"{path}.{field.name}: field {written[field.name]}{default}"
    for name in dir(value):
        if name.startswith("_") or name in fields:
            continue
        owner = next(cls for cls in value.__mro__ if name in vars(cls))
        if not owner.__module__.startswith("superstaq_jobs") or isinstance(
            vars(owner)[name], enum.Enum
        ):
            continue
        yield f"{path}.{name}: {_member(vars(owner)[name])}"


def _member(member: Any) -> str:
    if isinstance(member, property):
        return f"property -> {getattr(member.fget, '__annotations__', {}).get('return')}"
    if isinstance(member, classmethod | staticmethod):
        return f"{type(member).__name__} {_signature(member.__func__)}"
    return f"def {_signature(member)}" if inspect.isroutine(member) else "attribute"


def _signature(function: Any) -> str:
    try:
        text = _ADDRESS.sub("", str(inspect.signature(function)))
    except ValueError:  # of a class without an `__init__` of its own
        return "(...)"
    return _OPTIONAL.sub(r"'\1 | None'", text)


def _constant(value: Any) -> str:
    return f"{type(value).__name__} = {_shown(value)}" if isinstance(value, str) else "constant"


def _shown(default: Any) -> str:
    if isinstance(default, type(attrs.Factory(list))):
        return f"new {getattr(default.factory, '__name__', 'value')}"
    return _ADDRESS.sub("", repr(default))
