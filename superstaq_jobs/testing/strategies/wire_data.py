"""Strategies for ``JobData`` as the server sends it, valid or with one thing wrong.

The payloads are built by hand rather than by this library's encoder, so that a test of the decoder
does not depend on the encoder.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from superstaq_jobs.errors import InvalidValue

from . import v0_2_0, values
from .arguments import checked
from .choices import Choices

__all__ = ["broken_payloads", "wire_payloads"]

_KINDS: Final = (
    *itertools.product(
        ("submit", "simulate", "compile", "convert"),
        ("cirq", "qiskit", "qasm", "jaqal"),
        (False, True),
    ),
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
_POOLS: Final[dict[str, tuple[Any, ...]]] = {
    "statuses": tuple(s.value for s in values.KNOWN_STATUSES),
    "status_messages": _TEXTS,
    "provider_id": _TEXTS,
    "compiled_circuits": _TEXTS,
    "input_circuits": _TEXTS[1:],
    "counts": values.WIRE_COUNTS,
    "results_dicts": _TEXTS,
    "shots": (100, 0, 1, 2**40, -1, 2**70),
    "last_updated_timestamp": (None, *_TIMES),
    "initial_logical_to_physicals": _MAPS,
    "final_logical_to_physicals": _MAPS,
    "logical_qubits": _TEXTS,
    "physical_qubits": _TEXTS,
}
_PARTS: Final[tuple[tuple[str, ...], ...]] = (
    (),
    (),
    ("counts", "target"),
    ("tags",),
    ("metadata",),
    ("tags", "metadata", "counts"),
)
_FREE: Final[dict[str, st.SearchStrategy[Any]]] = {
    "tags": st.lists(values.texts(), max_size=2),
    "metadata": st.dictionaries(values.texts(max_size=6), values.json_values(), max_size=2),
}
_UNKNOWN_FIELDS: Final = ("queue_position", "cost", "schema_version")
_LISTS: Final = (*_POOLS,)
_NEVER_SHORT: Final = {"statuses"}
_MAX_IRREGULAR: Final = 4


@checked
def wire_payloads(
    *,
    num_circuits: int | None = None,
    statuses: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    unknown_fields: bool = False,
    unknown_statuses: bool = False,
    irregular_lists: bool = False,
    api_version: str = "v0.3.0",
) -> st.SearchStrategy[dict[str, Any]]:
    """A job as the server sends it: plain JSON data, which the test may modify.

    In API v0.3.0 that is ``JobData``; in v0.2.0 an object from the ids of the job's circuits to
    their data, which is a whole body.

    Without options the official client accepts all of them. E-mail addresses are normalized; time
    stamps come in all the variants of ISO 8601 that the API may use; ``tags`` and ``metadata`` are
    absent from some.

    Args:
        num_circuits: How many circuits; None for 0 to 3.
        statuses: The statuses that a circuit may have, in that version's words; None for all known
            ones.
        targets: The targets that the job may have; None for any.
        unknown_fields: Whether there is a field that this version does not know.
        unknown_statuses: Whether one circuit, if there is one, has an unknown status.
        irregular_lists: Whether some lists are longer, or some but ``statuses`` shorter, than
            ``num_circuits``; not in v0.2.0, which has no lists.
        api_version: The version of the API that the server speaks.

    Raises:
        ValueError: ``statuses`` or ``targets`` is empty, or the version does not exist or does not
            have what was asked for.
    """
    is_old = values.is_v0_2_0(api_version)
    if statuses is not None and (isinstance(statuses, str) or not statuses):
        raise InvalidValue(f"statuses must be a non-empty list of strings, got {statuses!r}")
    if is_old and irregular_lists:
        raise InvalidValue("API v0.2.0 has no lists: leave irregular_lists out")
    if is_old:
        return v0_2_0.circuits_by_id(
            low=num_circuits or 0,
            high=3 if num_circuits is None else num_circuits,
            words=None if statuses is None else [*map(str, statuses)],
            targets=None if targets is None else values.check_targets(targets),
            unknown_fields=unknown_fields,
            unknown_statuses=unknown_statuses,
        )
    form = _Form(
        low=0 if num_circuits is None else num_circuits,
        high=3 if num_circuits is None else num_circuits,
        pools=_POOLS if statuses is None else {**_POOLS, "statuses": (*map(str, statuses),)},
        targets=values.check_targets(targets),
        any_target=targets is None,
        unknown_fields=unknown_fields,
        unknown_statuses=unknown_statuses,
        irregular_lists=irregular_lists,
    )
    return _wire_payloads(form)


@attrs.frozen(kw_only=True)
class _Form:
    """What all payloads of one strategy have in common."""

    low: int
    high: int
    pools: dict[str, tuple[Any, ...]]
    targets: Sequence[str]
    any_target: bool
    unknown_fields: bool
    unknown_statuses: bool
    irregular_lists: bool


@st.composite
def _wire_payloads(draw: st.DrawFn, form: _Form) -> dict[str, Any]:
    choices = Choices(draw, 12 + 3 * _MAX_IRREGULAR)
    rows = _rows(draw, form, some=choices.below(4) > 0)
    size = len(rows)
    job_type, circuit_type, dry_run = choices.of(_KINDS)
    payload: dict[str, Any] = {
        "job_type": job_type,
        "user_email": choices.of(values.EMAILS),
        "target": choices.of(form.targets),
        "num_circuits": size,
        "circuit_type": circuit_type,
        "dry_run": dry_run,
        "submission_timestamp": choices.of(_TIMES),
    }
    parts, name, place = (
        choices.of(_PARTS),
        choices.of(_UNKNOWN_FIELDS),
        choices.below(max(size, 1)),
    )
    for listed in _POOLS:
        payload[listed] = [copy.copy(row[listed]) for row in rows]
    if form.irregular_lists:
        _make_irregular(choices, payload)
    _add_parts(draw, payload, parts, any_target=form.any_target)
    if form.unknown_fields:
        payload[name] = draw(values.json_values())
    if form.unknown_statuses and size:
        payload["statuses"][place] = draw(values.unknown_status_texts())
    return payload


def _rows(draw: st.DrawFn, form: _Form, *, some: bool) -> list[dict[str, Any]]:
    """Each circuit decides whether another one follows, so Hypothesis can leave out any."""
    rows: list[dict[str, Any]] = []
    while len(rows) < form.high and (some or len(rows) < form.low):
        choices = Choices(draw, 1 + len(form.pools))
        some = choices.flag()
        rows.append({listed: choices.of(pool) for listed, pool in form.pools.items()})
    return rows


def _make_irregular(choices: Choices, payload: dict[str, Any]) -> None:
    """Give one to four lists another length, at most two more than there are circuits."""
    size = payload["num_circuits"]
    for _ in range(1 + choices.below(_MAX_IRREGULAR)):
        name, length = choices.of(_LISTS), choices.below(size + 3)
        kept = payload[name][: size if name in _NEVER_SHORT else min(size, length)]
        more = Choices(choices.draw, max(0, length - size))
        pool = _POOLS[name]
        payload[name] = [*kept, *(copy.copy(more.of(pool)) for _ in range(length - size))]


def _add_parts(
    draw: st.DrawFn, payload: dict[str, Any], parts: Sequence[str], *, any_target: bool
) -> None:
    for part in parts:
        if part == "counts" and payload["counts"]:
            payload["counts"][0] = dict(values.draw_counts(draw, floats=None))
        elif part == "target" and any_target:
            payload["target"] = draw(values.target_names())
        elif part in _FREE:
            payload[part] = draw(_FREE[part])


_NOT_A_LIST: Final[tuple[Any, ...]] = (None, "x", 3, True, {}, {"0": "x"})
_NOT_A_STRING: Final[tuple[Any, ...]] = (1, 1.5, True, [], ["x"], {})
_NOT_AN_INT: Final[tuple[Any, ...]] = ("3", 1.5, 2.0, True, False, [], {})
_NOT_A_TIME: Final[tuple[Any, ...]] = (
    0, 1767225600, True, "", "yesterday", "2026-01-01", "2026-01-01T00",
    "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "20260101T000000Z", [], {},
)  # fmt: skip
_WRONG_ENTRY: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(_POOLS, _NOT_A_STRING),
    "statuses": (*_NOT_A_STRING, None),
    "input_circuits": (*_NOT_A_STRING, None),
    "shots": (*_NOT_AN_INT, None),
    "last_updated_timestamp": _NOT_A_TIME,
    "counts": ([], "x", 3, True, [["0", 1]]),
    "initial_logical_to_physicals": ([], "x", 3, True, [[0, 1]]),
    "final_logical_to_physicals": ([], "x", 3, True, [[0, 1]]),
}
_WRONG_FIELD: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(_POOLS, _NOT_A_LIST),
    "job_type": ("teleport", "", "Submit", None, 1, True, [], {}),
    "user_email": (*_NOT_A_STRING, None),
    "target": ("", "ibmq", "ibmq_fez", "ibmq_fez_gpu", "a b_c_qpu", None, 1, True, [], {}),
    "num_circuits": (*_NOT_AN_INT, None, -1, 1000),
    "circuit_type": ("quil", "", "QASM", None, 1, True, [], {}),
    "dry_run": (0, 1, "true", "no", None, [], {}),
    "submission_timestamp": (*_NOT_A_TIME, None),
    "tags": _NOT_A_LIST,
    "metadata": (None, "x", 3, True, [], [["a", 1]]),
}
_MISSING: Final = object()
_OPTIONAL: Final = {"tags", "metadata"}


@checked
def broken_payloads(
    *, api_version: str = "v0.3.0"
) -> st.SearchStrategy[tuple[dict[str, Any], str]]:
    """``wire_payloads`` with one thing wrong that a strict reader refuses, and the path to it.

    A field is missing or has the wrong type, or an entry of a list has, or something inside an
    entry. The path starts at the payload: ``$.shots[1]``, in v0.2.0 ``$.<id>.shots``. A wrong
    ``num_circuits`` may be noticed at the lists that are too short for it instead.

    Args:
        api_version: The version of the API.

    Raises:
        ValueError: The version does not exist.
    """
    return v0_2_0.broken_circuits() if values.is_v0_2_0(api_version) else _broken_payloads()


@st.composite
def _broken_payloads(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
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
