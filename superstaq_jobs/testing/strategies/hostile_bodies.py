"""Strategies for response bodies that are broken on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from .wire_data import broken_payloads, wire_payloads

__all__ = ["HostilePayload", "hostile_payloads"]


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


def hostile_payloads(*, is_refused: bool | None = None) -> st.SearchStrategy[HostilePayload]:
    """Bodies of responses with jobs that are broken on purpose, each with a description.

    Cut short, a web page, not UTF-8, ``NaN`` and numbers too large for a float, wrong types deep
    inside, nested too deeply, numbers of thousands of digits, duplicate keys, lone surrogates, or
    the wrong shape altogether.

    Args:
        is_refused: True for bodies that a strict reader must refuse, False for those that it must
            survive, None for both.
    """
    if is_refused is None:
        return _hostile_payloads(_KINDS)
    ways = _KINDS if is_refused else (_huge_number, _wrong_shape, _twice)
    return _hostile_payloads(ways).filter(lambda hostile: hostile.is_refused is is_refused)


@st.composite
def _hostile_payloads(
    draw: st.DrawFn, ways: Sequence[Callable[[st.DrawFn], HostilePayload]]
) -> HostilePayload:
    make = draw(st.sampled_from(ways))
    return make(draw)


def _valid(draw: st.DrawFn) -> dict[str, Any]:
    return draw(wire_payloads(num_circuits=draw(st.integers(1, 2))))


def _bytes(payload: Any) -> bytes:
    return json.dumps({_ID: payload}).encode()


def _with_literal(draw: st.DrawFn, literal: str, description: str) -> HostilePayload:
    """A valid payload with a literal that Python's own encoder would not write."""
    payload = _valid(draw)
    where = draw(st.sampled_from(["shots", "counts", "metadata", "unknown_field"]))
    places: dict[str, dict[str, Any]] = {
        "shots": {"shots": [_PUT_HERE] * payload["num_circuits"]},
        "counts": {"counts": [{"0": _PUT_HERE}]},
        "metadata": {"metadata": {"a": [_PUT_HERE]}},
        "unknown_field": {"unknown_field": _PUT_HERE},
    }
    payload |= places[where]
    body = _bytes(payload).replace(f'"{_PUT_HERE}"'.encode(), literal.encode())
    return HostilePayload(body, f"{description} in {where}")


def _cut_short(draw: st.DrawFn) -> HostilePayload:
    body = _bytes(_valid(draw))
    at = draw(st.integers(0, len(body) - 1))
    return HostilePayload(body[:at], f"cut short after {at} of {len(body)} bytes")


def _not_json(draw: st.DrawFn) -> HostilePayload:
    blank = st.sampled_from([b"", b" ", b"\n\n", b"\x00"])
    page = st.sampled_from([_PAGE, b"\n" + _PAGE, b"upstream connect error", b"OK"])
    return HostilePayload(draw(page | blank), "not JSON")


def _not_a_number(draw: st.DrawFn) -> HostilePayload:
    literal = draw(st.sampled_from(["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "01", "+1"]))
    return _with_literal(draw, literal, literal)


def _huge_number(draw: st.DrawFn) -> HostilePayload:
    digits = draw(st.sampled_from([5000, 400, 100_000]))
    hostile = _with_literal(draw, "9" * digits, f"a number of {digits} digits")
    return hostile._replace(is_refused=digits > 400)  # noqa: PLR2004


def _wrong_type(draw: st.DrawFn) -> HostilePayload:
    payload, path = draw(broken_payloads())
    return HostilePayload(_bytes(payload), f"wrong at {path}")


def _too_deep(draw: st.DrawFn) -> HostilePayload:
    depth = draw(st.integers(102, 1200) | st.sampled_from([990, 995, 10_000, 100_000]))
    start, end = draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
    nest = start * depth + "0" + end * depth
    if draw(st.booleans()):
        return HostilePayload(nest.encode(), f"nested {depth} deep")
    return _with_literal(draw, nest, f"nesting {depth} deep")


def _twice(draw: st.DrawFn) -> HostilePayload:
    first, second = _bytes(_valid(draw)), _bytes(_valid(draw))
    body = first[:-1] + b"," + second[1:]
    return HostilePayload(body, "the same job twice", is_refused=False)


def _surrogate(draw: st.DrawFn) -> HostilePayload:
    lone = draw(st.sampled_from([b"\\ud800", b"\\udfff", b"\\ud800\\u0041", b"\xed\xa0\x80"]))
    payload = {**_valid(draw), draw(st.sampled_from(["user_email", "unknown_field"])): _PUT_HERE}
    return HostilePayload(_bytes(payload).replace(_PUT_HERE.encode(), lone), "a lone surrogate")


def _other_encoding(draw: st.DrawFn) -> HostilePayload:
    name = draw(st.sampled_from(["utf-8-sig", "utf-16", "utf-16-le", "utf-32"]))
    return HostilePayload(_bytes(_valid(draw)).decode().encode(name), f"written in {name}")


def _wrong_shape(draw: st.DrawFn) -> HostilePayload:
    valid = _valid(draw)
    of_one: tuple[Any, ...] = (None, [], "x", {}, [valid])
    shapes = [None, True, 3, "jobs", [], [valid], *({_ID: job} for job in of_one)]
    shapes += [
        {"not-a-uuid": valid},
        {"": valid},
        {"jobs": {_ID: valid}},
        {_ID: valid, "7a39": None},
    ]
    shape = draw(st.sampled_from([*shapes, valid]))
    return HostilePayload(json.dumps(shape).encode(), f"the wrong shape: {str(shape)[:40]}")


_KINDS: Final[tuple[Callable[[st.DrawFn], HostilePayload], ...]] = (
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
