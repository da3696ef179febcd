"""Rows 8 and 10: responses that exhaust memory, and responses with one value of a wrong type."""

# ruff: noqa: RUF001 - the multiplication sign of the issue's table

from __future__ import annotations

import copy
import json
import os
import random
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import general_superstaq as gss
import pydantic

import superstaq_jobs as sj
from superstaq_jobs.wire.api import decode_jobs

from .shared import (
    JOB,
    Row,
    circuits_body,
    faults,
    job_data,
    job_number,
    run_child,
    serve_jobs,
)

__all__ = ["memory", "wrong_types"]

MIB = 1024 * 1024

# ---- row 8 ---------------------------------------------------------------------------------------

CAP_BYTES = 8 * MIB
BAR_BYTES = 2 * CAP_BYTES + 16 * MIB


def _compressed_without_end() -> faults.Act:
    def run(connection: faults.Connection, _: faults.Received | None) -> None:
        deflater = zlib.compressobj(wbits=31)
        connection.send(faults.head("200 OK", [("Content-Encoding", "gzip")]))
        while True:
            connection.send(deflater.compress(bytes(MIB)) + deflater.flush(zlib.Z_SYNC_FLUSH))

    return faults.Act(run)


def _memory_cases(bomb_bytes: int) -> dict[str, Callable[[], faults.Act]]:
    def declared(coding: str) -> Callable[[], faults.Act]:
        return lambda: faults.endless_body([("Content-Encoding", coding)])

    return {
        "gzip bomb": lambda: faults.bomb(bomb_bytes, "gzip"),
        "deflate bomb": lambda: faults.bomb(bomb_bytes, "deflate"),
        "bomb in gzip twice": lambda: faults.bomb(bomb_bytes, "gzip, gzip"),
        "endless, declared as br": declared("br"),
        "endless, declared as zstd": declared("zstd"),
        "endless, of an unknown coding": declared("x-squeeze"),
        "endless gzip": _compressed_without_end,
        "endless": faults.endless_body,
        "endless chunks": faults.endless_chunks,
        "a length of 1 PB": lambda: faults.stated_length(str(10**15), b"z" * 65536),
    }


def memory(*, quick: bool) -> Row:
    """Row 8."""
    cases = _memory_cases((100 if quick else 300) * MIB)

    def measured(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        bad = cases[name]()
        outcomes = []
        for task, options in (
            ("our_memory", {"max_body_bytes": CAP_BYTES}),
            ("official_memory", {}),
        ):
            with faults.FaultServer(serve_jobs(), then=bad) as server:
                outcomes.append(run_child(task, origin=server.origin, **options))
        return outcomes[0], outcomes[1]

    with ThreadPoolExecutor(2) as pool:
        outcomes = dict(zip(cases, pool.map(measured, cases), strict=True))
    mine = {name: ours["grown_bytes"] for name, (ours, _) in outcomes.items()}
    foreign = [
        name
        for name, (ours, _) in outcomes.items()
        if ours["ended"] not in {"AnswerTooLarge", "ProtocolError"}
    ]
    worst = max(mine, key=lambda name: mine[name])
    other = [theirs for _, theirs in outcomes.values()]
    most = max(theirs["grown_bytes"] for theirs in other)
    died = sum(theirs["ended"] == "MemoryError" for theirs in other)
    late = sum(theirs["ended"] == "cut off" for theirs in other)
    return Row(
        what=f"memory growth from a bomb, an endless body, 6 codings ({len(cases)} cases)",
        bar="≤ 2 × the cap + 16 MiB (32 MiB)",
        ours=f"{mine[worst] / MIB:.1f} MiB at most ({worst})"
        + "".join(f"; not refused: {name}" for name in foreign),
        theirs=f"{most / MIB:,.0f} MiB at most: of {len(cases)}, {died} ended by the limit of "
        f"1.5 GiB that they ran under, {late} stopped after 6 s",
        passed=mine[worst] <= BAR_BYTES and not foreign,
    )


# ---- row 10 --------------------------------------------------------------------------------------

Path: TypeAlias = tuple[str | int, ...]

STRING, INTEGER, NUMBER, FLAG, LIST, OBJECT, NULL = (
    *("string", "integer", "number", "flag", "list", "object", "null"),
)
WRONG: dict[str, tuple[Any, ...]] = {
    STRING: ("7", "", "true", "no", "null", "{}", "[]", "2026-01-01T00:00:00Z"),
    INTEGER: (0, 1, -3, 2**63, 1_767_225_600),
    NUMBER: (2.5, 3.0, -0.5, 1e300),
    FLAG: (True, False),
    LIST: ([], ["x"], [1], [None]),
    OBJECT: ({}, {"a": 1}, {"0": 0}),
    NULL: (None,),
}

TYPES: dict[str, tuple[str, ...]] = {
    "job_type": (STRING,),
    "user_email": (STRING,),
    "target": (STRING,),
    "num_circuits": (INTEGER,),
    "circuit_type": (STRING,),
    "dry_run": (FLAG,),
    "submission_timestamp": (STRING,),
    "tags": (LIST,),
    "tags[]": (STRING,),
    "metadata": (OBJECT,),
    "statuses[]": (STRING,),
    "status_messages[]": (STRING, NULL),
    "provider_id[]": (STRING, NULL),
    "compiled_circuits[]": (STRING, NULL),
    "input_circuits[]": (STRING,),
    "counts[]": (OBJECT, NULL),
    "counts[]{}": (INTEGER, NUMBER),
    "results_dicts[]": (STRING, NULL),
    "shots[]": (INTEGER,),
    "last_updated_timestamp[]": (STRING, NULL),
    "initial_logical_to_physicals[]": (OBJECT, NULL),
    "initial_logical_to_physicals[]{}": (INTEGER,),
    "final_logical_to_physicals[]": (OBJECT, NULL),
    "final_logical_to_physicals[]{}": (INTEGER,),
    "logical_qubits[]": (STRING, NULL),
    "physical_qubits[]": (STRING, NULL),
}
"""The JSON types that each value of a job may have; every field with [] is a list itself."""


def _good_payload(draw: random.Random) -> dict[str, Any]:
    """A job in which most values are present."""
    number = draw.randint(1, 4)

    def each(*choices: Any) -> list[Any]:
        return [copy.deepcopy(draw.choice(choices)) for _ in range(number)]

    maps = (None, {"0": 1, "1": 0}, {"0": 3})
    return job_data(
        num_circuits=number,
        statuses=each("completed", "running", "failed", "pending"),
        status_messages=each(None, "no such gate"),
        provider_id=each(None, "p-1"),
        compiled_circuits=each(None, "OPENQASM 2.0;"),
        input_circuits=each("OPENQASM 2.0;"),
        counts=each(None, {"00": 4, "11": 6}, {"0": 0.25, "1": 0.75}),
        results_dicts=each(None, "{}"),
        shots=each(0, 10, 1000),
        last_updated_timestamp=each(None, "2026-01-01T00:00:01Z"),
        initial_logical_to_physicals=each(*maps),
        final_logical_to_physicals=each(*maps),
        logical_qubits=each(None, "[]"),
        physical_qubits=each(None, "[]"),
        tags=["a", "week-18"][: draw.randint(0, 2)],
        metadata={"week": 18},
    )


def _places(payload: dict[str, Any]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The path of each value of a job, and the types that it may have."""
    for name, value in payload.items():
        yield (name,), TYPES.get(name, (LIST,))
        if f"{name}[]" not in TYPES:
            continue
        for place, item in enumerate(value):
            yield (name, place), TYPES[f"{name}[]"]
            if isinstance(item, dict):
                inner = TYPES[f"{name}[]{{}}"]
                yield from (((name, place, key), inner) for key in item)


OLD_TYPES: dict[str, tuple[str, ...]] = {
    "status": (STRING,),
    "target": (STRING, NULL),
    "circuit_type": (STRING, NULL),
    "provider_id": (STRING, NULL),
    "shots": (INTEGER, NULL),
    "samples": (OBJECT, NULL),
    "input_circuit": (STRING, NULL),
    "compiled_circuit": (STRING, NULL),
}
"""The same of a circuit of API v0.2.0; it may lack each but the status."""


def _mutated_circuits(draw: random.Random) -> tuple[dict[str, Any], Path, Any]:
    """As ``_mutated``, for a job of API v0.2.0."""
    ids = [str(job_number(number)) for number in range(draw.randint(1, 4))]
    payload: dict[str, Any] = json.loads(
        circuits_body(*ids, status=draw.choice(["completed", "running"]))
    )
    circuit_id, field = draw.choice(ids), draw.choice(sorted(OLD_TYPES))
    path: Path = (circuit_id, field)
    holder, types = payload[circuit_id], OLD_TYPES[field]
    if field == "samples" and holder[field] and draw.random() < 0.5:
        holder, field, types = holder[field], draw.choice(sorted(holder[field])), (INTEGER, NUMBER)
    holder[field] = wrong = draw.choice(
        [x for name, xs in WRONG.items() if name not in types for x in xs]
    )
    return payload, path, wrong


def _mutated(draw: random.Random) -> tuple[dict[str, Any], Path, Any]:
    """A job with one value of a wrong type, the path of the value, and the value."""
    payload = _good_payload(draw)
    # Choose the field first; otherwise most mutations would be in long lists.
    places = list(_places(payload))
    field = draw.choice(sorted(payload))
    path, types = draw.choice([place for place in places if place[0][0] == field])
    wrong = draw.choice([x for name, xs in WRONG.items() if name not in types for x in xs])
    holder: Any = payload
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = wrong
    return payload, path, wrong


def wrong_types(*, quick: bool) -> Row:
    """Row 10."""
    number = 1000 if quick else 10_000
    draw = random.Random(10)  # noqa: S311 - not used for a secret
    accepted: list[tuple[Path, Any]] = []
    their_accepted: set[str] = set()
    their_number = 0
    longest = their_longest = 0
    is_old = os.environ.get("SUPERSTAQ_API_VERSION") == "v0.2.0"
    for _ in range(number if is_old else 0):
        circuits, path, wrong = _mutated_circuits(draw)
        try:
            decode_jobs(json.dumps(circuits).encode(), api_version="v0.2.0")
            accepted.append((path, wrong))
        except sj.ProtocolError as error:
            longest = max(longest, len(str(error).encode()))
    for _ in range(200):  # without a mutation, both accept them
        good = _good_payload(draw)
        decode_jobs(json.dumps({str(JOB): good}).encode())
        gss.models.JobData(**good)
    for _ in range(number):
        payload, path, wrong = _mutated(draw)
        try:
            decode_jobs(json.dumps({str(JOB): payload}).encode())
            accepted.append((path, wrong))
        except sj.ProtocolError as error:
            longest = max(longest, len(str(error).encode()))
        try:
            gss.models.JobData(**payload)
            their_number += 1
            their_accepted.add(str(path[0]))
        except pydantic.ValidationError as error:
            their_longest = max(their_longest, len(str(error).encode()))
    return Row(
        what=f"type-mutation fuzz of good payloads ({number:,})",
        bar="0 silent coercions, each error ≤ 4 KB",
        ours=f"{len(accepted)} accepted, longest error {longest:,} bytes"
        + (f"; e.g. {accepted[:3]}" if accepted else ""),
        theirs=f"{their_number:,} accepted (in {len(their_accepted)} fields), longest error "
        f"{their_longest:,} bytes",
        passed=not accepted and longest <= 4096,
    )
