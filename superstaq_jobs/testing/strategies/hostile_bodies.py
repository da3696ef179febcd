"""Strategies for response bodies that are broken on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from hypothesis import strategies as st

from . import values
from .arguments import checked
from .wire_data import broken_payloads, wire_payloads

__all__ = ["HostilePayload", "hostile_payloads"]

T = TypeVar("T")


class HostilePayload(NamedTuple):
    """A response body that no honest server sends.

    Attributes:
        body: The bytes.
        description: What is wrong with them.
        is_refused: Whether a strict reader must refuse it. If not, it must still return records
            that keep their laws.
    """

    body: bytes
    description: str
    is_refused: bool = True

    def __repr__(self) -> str:
        return f"<{self.description}: {len(self.body)} bytes, {self.body[:80]!r}>"


_ID: Final = "6f3c4a52-7a39-4b0e-9c56-0d4fb2a1c3de"
_PAGE: Final = b"<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1></body></html>"
_PUT_HERE: Final = "put it here"


@checked
def hostile_payloads(
    *, is_refused: bool | None = None, api_version: str = "v0.3.0"
) -> st.SearchStrategy[HostilePayload]:
    """Bodies of responses with jobs that are broken on purpose, each with a description.

    Cut short, a web page, not UTF-8, ``NaN`` and numbers too large for a float, wrong types deep
    inside, nested too deeply, numbers of thousands of digits, duplicate keys, lone surrogates, or
    the wrong shape altogether.

    Args:
        is_refused: True for bodies that a strict reader must refuse, False for those that it must
            survive, None for both.
        api_version: The version of the API whose reader they are for.

    Raises:
        ValueError: The version does not exist.
    """
    values.is_v0_2_0(api_version)
    if is_refused is None:
        return _hostile_payloads(_KINDS, api_version)
    ways = _KINDS if is_refused else (_huge_number, _wrong_shape, _twice)
    return _hostile_payloads(ways, api_version).filter(
        lambda hostile: hostile.is_refused is is_refused
    )


@st.composite
def _hostile_payloads(
    draw: st.DrawFn, ways: Sequence[Callable[[_Draw], HostilePayload]], api_version: str
) -> HostilePayload:
    make = draw(st.sampled_from(ways))
    return make(_Draw(draw, api_version))


class _Draw(NamedTuple):
    """Draws, for one version of the API."""

    draw: st.DrawFn
    api_version: str

    def __call__(self, strategy: st.SearchStrategy[T]) -> T:
        return self.draw(strategy)

    @property
    def is_old(self) -> bool:
        return values.is_v0_2_0(self.api_version)


def _valid(draw: _Draw) -> tuple[dict[str, Any], dict[str, Any]]:
    """A valid body, and the part of it that says most: the job, or one of its circuits."""
    size = draw(st.integers(1, 2))
    payload = draw(wire_payloads(num_circuits=size, api_version=draw.api_version))
    return (payload, next(iter(payload.values()))) if draw.is_old else ({_ID: payload}, payload)


def _bytes(body: Any) -> bytes:
    return json.dumps(body).encode()


def _with_literal(draw: _Draw, literal: str, description: str) -> HostilePayload:
    """A valid body with a literal that Python's own encoder would not write."""
    body, part = _valid(draw)
    places: dict[str, Any] = {
        "shots": _PUT_HERE if draw.is_old else [_PUT_HERE] * part.get("num_circuits", 0),
        "samples" if draw.is_old else "counts": {"0": _PUT_HERE},
        "data" if draw.is_old else "metadata": {"a": [_PUT_HERE]},
        "unknown_field": _PUT_HERE,
    }
    where = draw(st.sampled_from([*places]))
    part[where] = [places[where]] if where == "counts" else places[where]
    sent = _bytes(body).replace(f'"{_PUT_HERE}"'.encode(), literal.encode())
    return HostilePayload(sent, f"{description} in {where}")


def _cut_short(draw: _Draw) -> HostilePayload:
    body = _bytes(_valid(draw)[0])
    at = draw(st.integers(0, len(body) - 1))
    return HostilePayload(body[:at], f"cut short after {at} of {len(body)} bytes")


def _not_json(draw: _Draw) -> HostilePayload:
    blank = st.sampled_from([b"", b" ", b"\n\n", b"\x00"])
    page = st.sampled_from([_PAGE, b"\n" + _PAGE, b"upstream connect error", b"OK"])
    return HostilePayload(draw(page | blank), "not JSON")


def _not_a_number(draw: _Draw) -> HostilePayload:
    literal = draw(st.sampled_from(["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "01", "+1"]))
    return _with_literal(draw, literal, literal)


def _huge_number(draw: _Draw) -> HostilePayload:
    digits = draw(st.sampled_from([5000, 400, 100_000]))
    hostile = _with_literal(draw, "9" * digits, f"a number of {digits} digits")
    return hostile._replace(is_refused=digits > 400)  # noqa: PLR2004


def _wrong_type(draw: _Draw) -> HostilePayload:
    payload, path = draw(broken_payloads(api_version=draw.api_version))
    return HostilePayload(_bytes(payload if draw.is_old else {_ID: payload}), f"wrong at {path}")


def _too_deep(draw: _Draw) -> HostilePayload:
    depth = draw(st.integers(102, 1200) | st.sampled_from([990, 995, 10_000, 100_000]))
    start, end = draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
    nest = start * depth + "0" + end * depth
    if draw(st.booleans()):
        return HostilePayload(nest.encode(), f"nested {depth} deep")
    return _with_literal(draw, nest, f"nesting {depth} deep")


def _twice(draw: _Draw) -> HostilePayload:
    first, second = _bytes(_valid(draw)[0]), _bytes(_valid(draw)[0])
    body = first[:-1] + b"," + second[1:]
    return HostilePayload(body, "the same job twice", is_refused=False)


def _surrogate(draw: _Draw) -> HostilePayload:
    lone = draw(st.sampled_from([b"\\ud800", b"\\udfff", b"\\ud800\\u0041", b"\xed\xa0\x80"]))
    body, part = _valid(draw)
    part[draw(st.sampled_from(["target", "unknown_field"]))] = _PUT_HERE
    return HostilePayload(_bytes(body).replace(_PUT_HERE.encode(), lone), "a lone surrogate")


def _other_encoding(draw: _Draw) -> HostilePayload:
    name = draw(st.sampled_from(["utf-8-sig", "utf-16", "utf-16-le", "utf-32"]))
    return HostilePayload(_bytes(_valid(draw)[0]).decode().encode(name), f"written in {name}")


def _wrong_shape(draw: _Draw) -> HostilePayload:
    _, valid = _valid(draw)
    of_one: tuple[Any, ...] = (None, [], "x", {}, [valid])
    shapes = [None, True, 3, "jobs", [], [valid], *({_ID: job} for job in of_one)]
    shapes += [
        {"not a-uuid": valid},
        {f"{_ID},{_ID}": valid},
        {"": valid},
        {"jobs": {_ID: valid}},
        {_ID: valid, "7a39": None},
    ]
    shape = draw(st.sampled_from([*shapes, valid]))
    return HostilePayload(json.dumps(shape).encode(), f"the wrong shape: {str(shape)[:40]}")


_KINDS: Final[tuple[Callable[[_Draw], HostilePayload], ...]] = (
    _not_json,
    _wrong_shape,
    _wrong_type,
    _cut_short,
    _not_a_number,
    _huge_number,
    _too_deep,
    _twice,
    _surrogate,
    _other_encoding,
)
