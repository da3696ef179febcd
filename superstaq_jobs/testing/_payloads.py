"""Strategies for what the server sends: good bodies, broken ones and hostile ones.

Lives here: ``wire_payloads`` and what can be done to them. The payloads are written out by hand,
not by the codec, so that a test of a decoder does not ask the encoder. Imports Hypothesis and
``status``.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from superstaq_jobs.status import CircuitStatus

from . import _values as values

__all__ = ["HostilePayload", "broken_payloads", "hostile_payloads", "wire_payloads"]

_EMAILS: Final = st.sampled_from(["ada@example.com", "b.c+tag@example.org", "x1@sub.example.com"])
_TARGETS: Final = st.sampled_from(values.TARGETS)
_KINDS: Final = st.sampled_from(
    [
        *itertools.product(
            ("submit", "simulate", "compile", "convert"),
            ("cirq", "qiskit", "qasm", "jaqal"),
            (False, True),
        )
    ]
)
_TIMES: Final = (
    "2026-01-01T00:00:00Z",
    "2026-11-02T08:30:07.123456Z",
    "2026-11-02t08:30:07.5z",
    "2026-11-02 08:30:07.1234567+00:00",
    "2026-11-02T08:30Z",
    "2026-11-02T08:30:07-00:00",
    "2026-11-02T08:30:07+02:00",
    "2026-02-28T23:59:59.999999-11:30",
    "2024-02-29T12:00:00+0545",
    "1999-12-31T23:59:59.000Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999+14:00",
)
_TEXTS: Final = (None, "x", "", 'Ω\x00"\\', "[]", "\U0001f600\u2028", "OPENQASM 2.0;\n")
_MAPS: Final[tuple[Any, ...]] = (
    None,
    {},
    {"0": 0},
    {"1": 3, "0": 2},
    {"-1": -2},
    {"12": 123456789012},
)
_COUNTS: Final[tuple[Any, ...]] = (
    None,
    {},
    {"0": 1},
    {"00": 507, "11": 493},
    {"01": 0.25, "10": 1.0},
    {"1": -0.5},
)
_POOLS: Final[dict[str, tuple[Any, ...]]] = {
    "statuses": tuple(s.value for s in CircuitStatus if s is not CircuitStatus.UNKNOWN),
    "status_messages": _TEXTS,
    "provider_id": _TEXTS,
    "compiled_circuits": _TEXTS,
    "input_circuits": _TEXTS[1:],
    "counts": _COUNTS,
    "results_dicts": _TEXTS,
    "shots": (100, 0, 1, 2**40, -1, 2**70),
    "last_updated_timestamp": (None, *_TIMES),
    "initial_logical_to_physicals": _MAPS,
    "final_logical_to_physicals": _MAPS,
    "logical_qubits": _TEXTS,
    "physical_qubits": _TEXTS,
}
_PARTS: Final[st.SearchStrategy[tuple[str, ...]]] = st.sampled_from(
    [(), (), ("counts", "target"), ("tags",), ("metadata",), ("tags", "metadata", "counts")]
)
_IRREGULAR: Final = st.integers(0, 2**40)
_FREE: Final[dict[str, st.SearchStrategy[Any]]] = {
    "tags": st.lists(values.texts(), max_size=2),
    "metadata": st.dictionaries(values.texts(max_size=6), values.json_values(), max_size=2),
}
_NEVER_SHORT: Final = {"statuses", "input_circuits", "shots"}


def wire_payloads(
    *,
    num_circuits: int | None = None,
    unknown_fields: bool = False,
    unknown_statuses: bool = False,
    irregular_lists: bool = False,
) -> st.SearchStrategy[dict[str, Any]]:
    """``JobData`` as the server sends it: plain JSON data, which the test may change.

    Without options the official client takes every one. E-mail addresses are in their normal form;
    time stamps come in all the spellings of ISO 8601 that the API may use; ``tags`` and
    ``metadata`` are left out by some.

    Args:
        num_circuits: How many circuits; None for 0 to 3.
        unknown_fields: Whether there is a field that this version does not know.
        unknown_statuses: Whether one circuit has a status that nobody knows (if there is one).
        irregular_lists: Whether some optional lists are shorter, or some lists longer, than
            ``num_circuits``.
    """
    sizes = st.integers(0, 3) if num_circuits is None else st.just(num_circuits)
    return _wire_payloads(sizes, unknown_fields, unknown_statuses, irregular_lists)


@st.composite
def _wire_payloads(
    draw: st.DrawFn,
    sizes: st.SearchStrategy[int],
    unknown_fields: bool,
    unknown_statuses: bool,
    irregular_lists: bool,
) -> dict[str, Any]:
    size = draw(sizes)
    lengths = dict.fromkeys(_POOLS, size)
    if irregular_lists:
        lengths |= _irregular_lengths(draw(_IRREGULAR), size)
    job_type, circuit_type, dry_run = draw(_KINDS)
    payload: dict[str, Any] = {
        "job_type": job_type,
        "user_email": draw(_EMAILS),
        "target": draw(_TARGETS),
        "num_circuits": size,
        "circuit_type": circuit_type,
        "dry_run": dry_run,
        "submission_timestamp": draw(st.sampled_from(_TIMES)),
    }
    for name, pool in _POOLS.items():
        # All entries of a list come from one draw: draws are what takes the time.
        number = draw(st.integers(0, len(pool) ** lengths[name] - 1))
        chosen = values.digits(number, len(pool), lengths[name])
        payload[name] = [copy.copy(pool[digit]) for digit in chosen]
    _add_parts(draw, payload)
    if unknown_fields:
        name = draw(st.sampled_from(["queue_position", "cost", "schema_version"]))
        payload[name] = draw(values.json_values())
    if unknown_statuses and size:
        place = draw(st.integers(0, size - 1))
        payload["statuses"][place] = draw(values.unknown_status_texts())
    return payload


def _irregular_lengths(number: int, size: int) -> dict[str, int]:
    """Other lengths, 0 to two more than there are circuits, for one to four of the lists."""
    base = len(_POOLS) * (size + 3)
    names = [*_POOLS]
    lengths = {}
    for choice in values.digits(number // 4, base, 1 + number % 4):
        length, place = divmod(choice, len(names))
        low = size if names[place] in _NEVER_SHORT else 0
        lengths[names[place]] = max(length, low)
    return lengths


def _add_parts(draw: st.DrawFn, payload: dict[str, Any]) -> None:
    for part in draw(_PARTS):
        if part == "counts" and payload["counts"]:
            payload["counts"][0] = dict(values.draw_counts(draw, floats=None))
        elif part == "target":
            payload["target"] = draw(values.target_names())
        elif part in _FREE:
            payload[part] = draw(_FREE[part])


_NO_LIST: Final[tuple[Any, ...]] = (None, "x", 3, True, {}, {"0": "x"})
_NO_TEXT: Final[tuple[Any, ...]] = (1, 1.5, True, [], ["x"], {})
_NO_INT: Final[tuple[Any, ...]] = ("3", 1.5, 2.0, True, False, [], {})
_NO_TIME: Final[tuple[Any, ...]] = (
    0, 1767225600, True, "", "yesterday", "2026-01-01", "2026-01-01T00:00:00",
    "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "20260101T000000Z", [], {},
)  # fmt: skip
_WRONG_ENTRY: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(_POOLS, _NO_TEXT),
    "statuses": (*_NO_TEXT, None),
    "input_circuits": (*_NO_TEXT, None),
    "shots": (*_NO_INT, None),
    "last_updated_timestamp": _NO_TIME,
    "counts": ([], "x", 3, True, [["0", 1]]),
    "initial_logical_to_physicals": ([], "x", 3, True, [[0, 1]]),
    "final_logical_to_physicals": ([], "x", 3, True, [[0, 1]]),
}
_WRONG_FIELD: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(_POOLS, _NO_LIST),
    "job_type": ("teleport", "", "Submit", None, 1, True, [], {}),
    "user_email": (*_NO_TEXT, None),
    "target": ("", "ibmq", "ibmq_fez", "ibmq_fez_gpu", "a b_c_qpu", None, 1, True, [], {}),
    "num_circuits": (*_NO_INT, None, -1, 1000),
    "circuit_type": ("quil", "", "QASM", None, 1, True, [], {}),
    "dry_run": (0, 1, "true", "no", None, [], {}),
    "submission_timestamp": (*_NO_TIME, None),
    "tags": _NO_LIST,
    "metadata": (None, "x", 3, True, [], [["a", 1]]),
}
_MISSING: Final = object()
_OPTIONAL: Final = {"tags", "metadata"}


@st.composite
def broken_payloads(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """``JobData`` with one thing wrong that a strict reader refuses, and the path to it.

    A field is missing or of a wrong type, a list's entry is, or something inside of an entry is.
    The path starts at the payload: ``$.shots[1]``. A wrong ``num_circuits`` may instead be
    noticed at the lists that are too short for it.
    """
    payload = draw(wire_payloads(num_circuits=draw(st.integers(1, 3))))
    name = draw(st.sampled_from([*_WRONG_FIELD]))
    listed = name in _POOLS
    inside = name == "counts" or name.endswith("physicals")
    depth = draw(st.integers(0, 1 + inside)) if listed else 0
    path = f"$.{name}"
    if depth == 0:
        ways = _WRONG_FIELD[name] if name in _OPTIONAL else (_MISSING, *_WRONG_FIELD[name])
        wrong = draw(st.sampled_from(ways))
        if wrong is _MISSING:
            del payload[name]
        else:
            payload[name] = copy.deepcopy(wrong)
        return payload, path
    place = draw(st.integers(0, len(payload[name]) - 1))
    path += f"[{place}]"
    if depth == 1:
        wrong = draw(st.sampled_from(_WRONG_ENTRY[name]))
    else:
        wrong, path = _wrong_inside(draw, name, path)
    payload[name][place] = copy.deepcopy(wrong)
    return payload, path


def _wrong_inside(draw: st.DrawFn, name: str, path: str) -> tuple[Any, str]:
    if name != "counts" and draw(st.booleans()):
        key = draw(st.sampled_from(["x", "", "1.5", "1_0", " 1"]))
        return {"7": 7, key: 1}, f"{path}.{key}"
    wrongs: tuple[Any, ...] = (
        ("3", None, True, [], {}) if name == "counts" else ("3", 1.5, None, True, [], {})
    )
    return {"0": 1, "1": draw(st.sampled_from(wrongs))}, f"{path}.1"


class HostilePayload(NamedTuple):
    """A body that no honest server sends.

    Attributes:
        body: The bytes.
        description: What is wrong with them.
        is_refused: Whether a strict reader must refuse it. Where it need not, it must still give
            records that keep their laws.
    """

    body: bytes
    description: str
    is_refused: bool = True

    def __repr__(self) -> str:
        return f"<{self.description}: {len(self.body)} bytes, {self.body[:80]!r}>"


_ID: Final = "6f3c4a52-7a39-4b0e-9c56-0d4fb2a1c3de"
_PAGE: Final = b"<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1></body></html>"
_PUT_HERE: Final = "put it here"


@st.composite
def hostile_payloads(draw: st.DrawFn) -> HostilePayload:
    """Bodies of an answer with jobs that are broken on purpose, each with what is wrong with it.

    Cut short, a web page, not UTF-8, ``NaN`` and numbers past all floats, wrong types deep inside,
    nested too deeply, numbers of thousands of digits, duplicate keys, lone surrogates, the wrong
    shape altogether.
    """
    make = draw(st.sampled_from(_WAYS))
    return make(draw)


def _good(draw: st.DrawFn) -> dict[str, Any]:
    return draw(wire_payloads(num_circuits=draw(st.integers(1, 2))))


def _bytes(payload: Any) -> bytes:
    return json.dumps({_ID: payload}).encode()


def _with_literal(draw: st.DrawFn, literal: str, what: str) -> HostilePayload:
    """A good payload that holds a literal which Python's own encoder would not write."""
    payload = _good(draw)
    where = draw(st.sampled_from(["shots", "counts", "metadata", "unknown_field"]))
    places: dict[str, dict[str, Any]] = {
        "shots": {"shots": [_PUT_HERE] * payload["num_circuits"]},
        "counts": {"counts": [{"0": _PUT_HERE}]},
        "metadata": {"metadata": {"a": [_PUT_HERE]}},
        "unknown_field": {"unknown_field": _PUT_HERE},
    }
    payload |= places[where]
    body = _bytes(payload).replace(f'"{_PUT_HERE}"'.encode(), literal.encode())
    return HostilePayload(body, f"{what} in {where}")


def _cut_short(draw: st.DrawFn) -> HostilePayload:
    body = _bytes(_good(draw))
    at = draw(st.integers(0, len(body) - 1))
    return HostilePayload(body[:at], f"cut short after {at} of {len(body)} bytes")


def _no_json(draw: st.DrawFn) -> HostilePayload:
    blank = st.sampled_from([b"", b" ", b"\n\n", b"\x00"])
    page = st.sampled_from([_PAGE, b"\n" + _PAGE, b"upstream connect error", b"OK"])
    return HostilePayload(draw(page | blank), "no JSON")


def _no_number(draw: st.DrawFn) -> HostilePayload:
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
    first, second = _bytes(_good(draw)), _bytes(_good(draw))
    body = first[:-1] + b"," + second[1:]
    return HostilePayload(body, "the same job twice")


def _surrogate(draw: st.DrawFn) -> HostilePayload:
    lone = draw(st.sampled_from([b"\\ud800", b"\\udfff", b"\\ud800\\u0041", b"\xed\xa0\x80"]))
    payload = {**_good(draw), draw(st.sampled_from(["user_email", "unknown_field"])): _PUT_HERE}
    return HostilePayload(_bytes(payload).replace(_PUT_HERE.encode(), lone), "a lone surrogate")


def _other_encoding(draw: st.DrawFn) -> HostilePayload:
    name = draw(st.sampled_from(["utf-8-sig", "utf-16", "utf-16-le", "utf-32"]))
    return HostilePayload(_bytes(_good(draw)).decode().encode(name), f"written in {name}")


def _wrong_shape(draw: st.DrawFn) -> HostilePayload:
    good = _good(draw)
    of_one: tuple[Any, ...] = (None, [], "x", {}, [good])
    shapes = [None, True, 3, "jobs", [], [good], *({_ID: job} for job in of_one)]
    shapes += [{"no-uuid": good}, {"": good}, {"jobs": {_ID: good}}, {_ID: good, "7a39": None}]
    shape = draw(st.sampled_from([*shapes, good]))
    return HostilePayload(json.dumps(shape).encode(), f"the wrong shape: {str(shape)[:40]}")


_WAYS: Final[tuple[Callable[[st.DrawFn], HostilePayload], ...]] = (
    _no_json,
    _wrong_shape,
    _wrong_type,
    _cut_short,
    _no_number,
    _huge_number,
    _too_deep,
    _twice,
    _surrogate,
    _other_encoding,
)
