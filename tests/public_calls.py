"""Every public function and method with good arguments, found by looking.

A new public name is found by itself. Its arguments take their good values by name, from ``GOOD``;
a name that means something else somewhere is in ``SPECIAL``.
"""

from __future__ import annotations

import enum
import functools
import importlib
import inspect
import json
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import attrs
from archived import MEMORY
from servers import OldServer
from worlds import HOST, JOB, KEY, NOON, job

import superstaq_jobs as sj
from superstaq_jobs import waiting
from superstaq_jobs.emulator import Emulator, FaultScript, Plan, Simulator, Target, User
from superstaq_jobs.testing import FakeClock, Fault, ScriptedTransport, jobs_response, json_response

FACES = (
    "superstaq_jobs",
    "superstaq_jobs.interop",
    "superstaq_jobs.interop.cirq",
    "superstaq_jobs.interop.qiskit",
    "superstaq_jobs.tables",
    "superstaq_jobs.plots",
    "superstaq_jobs.testing",
    "superstaq_jobs.testing.strategies",
    "superstaq_jobs.emulator",
)
QASM = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; measure q -> c;'
TARGET = "ss_unconstrained_simulator"
OLD_ID = "aaa,bbb"
_FOLDER = tempfile.TemporaryDirectory(dir=MEMORY)  # removed with the process


@attrs.frozen
class Call:
    """A public function or method, and what to call it with.

    Attributes:
        name: Its dotted path.
        make: Makes the function; for a method, of a new object.
        keywords: Its parameters that take one value each.
        rest: The name of its parameter ``*args``, and of the options in ``**options``.
    """

    name: str
    make: Callable[[World], Callable[..., Any]]
    keywords: tuple[inspect.Parameter, ...]
    rest: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


# ---- good values ---------------------------------------------------------------------------------


@attrs.frozen
class World:
    """A client, and the requests that it has sent."""

    client: sj.SuperstaqClient
    transport: ScriptedTransport


def _respond(request: sj.Request) -> sj.Response:
    if "targets" in request.path:
        return json_response([])
    if "balance" in request.path:
        return json_response({"email": "a@b.co", "balance": 1.0})
    if "retrieve_target_info" in request.path:
        return json_response({"target_info": {}})
    if "cancel" in request.path:
        return json_response({"succeeded": [str(JOB)], "message": ""})
    if request.method == "POST":
        return json_response({"job_id": str(JOB), "num_circuits": 1})
    return jobs_response(job("completed"))


def world(api_version: str) -> World:
    if api_version == "v0.2.0":
        transport = OldServer(aaa="Done", bbb="Done").transport
    else:
        transport = ScriptedTransport.from_function(_respond)
    return World(_client(transport, api_version), transport)


def _client(transport: ScriptedTransport, api_version: str) -> sj.SuperstaqClient:
    return sj.SuperstaqClient(
        KEY,
        HOST,
        api_version=api_version,
        transport=transport,
        clock=FakeClock(),
        retry_policy=sj.RetryPolicy(max_attempts=1),
    )


@functools.cache
def cirq_circuit() -> Any:
    import cirq

    return cirq.Circuit(cirq.X(cirq.q(0)), cirq.measure(cirq.q(0), key="m"))


@functools.cache
def qiskit_circuit() -> Any:
    import qiskit

    circuit = qiskit.QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    return circuit


@functools.cache
def snapshot_of(kind: str) -> sj.JobSnapshot:
    if kind == "cirq":
        import cirq
        import cirq_superstaq

        text = cirq_superstaq.serialize_circuits([cirq_circuit()])
        qubits = cirq.to_json([cirq.q(0)])
    else:
        import qiskit_superstaq

        text, qubits = qiskit_superstaq.serialize_circuits([qiskit_circuit()]), json.dumps([0])
    snapshot = job("completed")
    circuit = attrs.evolve(
        snapshot.circuits[0],
        input_circuit=text,
        compiled_circuit=text,
        counts={"1": 10},
        initial_logical_to_physical={0: 0},
        final_logical_to_physical={0: 0},
        logical_qubits=qubits,
        physical_qubits=qubits,
    )
    return attrs.evolve(snapshot, circuits=[circuit], circuit_type=kind)


def new_job(old: bool = False) -> sj.NewJob:
    if old:
        circuits = '{"cirq_type": "Circuit"}'
        return sj.NewJob(target=TARGET, circuits=circuits, circuit_type="cirq", shots=1)
    return sj.NewJob(target=TARGET, circuits=QASM, shots=1)


def archive() -> sj.SnapshotArchive:
    """An archive with one job, in a folder of its own."""
    made = sj.SnapshotArchive(Path(tempfile.mkdtemp(dir=_FOLDER.name)) / "study.db")
    made.record(job("completed"), observed_at=NOON)
    return made


def exported() -> str:
    path = str(Path(tempfile.mkdtemp(dir=_FOLDER.name)) / "study.jsonl")
    archive().export_jsonl(path)
    return path


def locked() -> str:
    path = str(Path(tempfile.mkdtemp(dir=_FOLDER.name)) / "study.lock")
    sj.lock(path, [job("completed")])
    return path


ABSENT = object()
"""In place of a good value: the argument is left out."""

GOOD: dict[str, Callable[[World], Any]] = {
    "job_id": lambda w: OLD_ID if w.client.api.version == "v0.2.0" else JOB,
    "job_ids": lambda w: [OLD_ID if w.client.api.version == "v0.2.0" else JOB],
    "client": lambda w: w.client,
    "job": lambda w: new_job(w.client.api.version == "v0.2.0"),
    "query": lambda _: ABSENT,
    "target": lambda _: TARGET,
    "target_name": lambda _: TARGET,
    "handles": lambda w: [sj.JobHandle(w.client, GOOD["job_id"](w))],
    "circuits": lambda _: QASM,
    "counts": lambda _: sj.Counts({"00": 1}),
    "snapshots": lambda _: [job("completed")],
    "snapshot": lambda _: job("completed"),
    "before": lambda _: job("running"),
    "after": lambda _: job("completed"),
    "first": lambda _: job("running"),
    "others": lambda _: (),
    "index": lambda _: 0,
    "balance": lambda _: 1.0,
    "email": lambda _: "a@b.co",
    "user_email": lambda _: "a@b.co",
    "status_text": lambda _: "running",
    "items": lambda _: {},
    "places": lambda _: [1, 0],
    "qubits": lambda _: [0],
    "num_bits": lambda _: 2,
    "other": lambda _: {"00": 1},
    "bits": lambda _: "00",
    "key": lambda _: None,
    "name": lambda _: "target",
    "job_type": lambda _: "submit",
    "circuit_type": lambda _: ABSENT,
    "submitted_at": lambda _: NOON,
    "now": lambda _: NOON,
    "stage": lambda _: sj.Stage.FINISHED,
    "method": lambda _: "GET",
    "path": lambda _: "/",
    "num_circuits": lambda _: 1,
    "info": lambda _: {},
    "attempt": lambda _: 1,
    "jitter": lambda _: 0.5,
    "error": lambda _: sj.TransportError("x", sent=False),
    "safe_to_repeat": lambda _: True,
    "call": lambda w: w.client.api.fetch_balance(),
    "keep": lambda _: ABSENT,
    "archive": lambda _: archive(),
    "digest": lambda _: job("completed").digest,
    "when": lambda _: NOON,
    "at": lambda _: NOON,
    "entries": lambda _: [sj.LockEntry.of(job("completed"))],
    "entry": lambda _: sj.LockEntry.of(job("completed")),
    "found": lambda _: None,
    "diff": lambda _: None,
    "latest": lambda _: None,
    "fetched_at": lambda _: None,
    "seconds": lambda _: 0.0,
    "timeout_seconds": lambda _: 1.0,
    "quiet_seconds": lambda _: 1.0,
    "status": lambda _: None,
    "origin": lambda _: "http://127.0.0.1:9",
    "request": lambda _: sj.Request(method="GET", path="/"),
    "body": lambda _: b"{}",
    "text": lambda _: "x",
    "where": lambda _: "x",
    "what": lambda _: "x",
    "which": lambda _: "initial",
    "directory": lambda _: tempfile.mkdtemp(dir=_FOLDER.name),
    "kind": lambda _: "refused",
    "handler": lambda _: _respond,
    "data": lambda _: {},
    "becomes": lambda _: "failed",
    "plan": lambda _: Plan(),
    "tags": lambda _: (),
    "statuses": lambda _: ABSENT,
    "messages": lambda _: (None,),
    "refusal": lambda _: None,
    "faults": lambda _: (),
    "update_port": lambda _: None,
    "dry_run": lambda _: False,
    "is_done": lambda _: False,
    "description": lambda _: "x",
    "transport": lambda _: ABSENT,
}
SPECIAL: dict[str, Callable[[World], Any]] = {
    "SuperstaqClient.api_key": lambda _: KEY,
    "SuperstaqClient.transport": lambda _: ScriptedTransport(),
    "SuperstaqClient.remote_host": lambda _: HOST,
    "query_jobs.query": lambda _: sj.JobQuery(user_email=["a@b.co"]),
    "CancelReceipt.cancelled": lambda _: (),
    "CircuitSnapshot.counts": lambda _: {"0": 1},
    "CircuitChange.before": lambda _: None,
    "CircuitChange.after": lambda _: None,
    "FieldChange.before": lambda _: None,
    "FieldChange.after": lambda _: None,
    "JobDiff.circuits": lambda _: (),
    "JobSnapshot.circuits": lambda _: [],
    "JobSnapshot.job_type": lambda _: None,
    "JobSnapshot.circuit_type": lambda _: None,
    "JobQuery.*": lambda _: None,
    "LockEntry.status": lambda _: "completed",
    "NewJob.shots": lambda _: 1,
    "SnapshotArchive.path": lambda _: str(Path(tempfile.mkdtemp(dir=_FOLDER.name)) / "new.db"),
    "SnapshotArchive.import_jsonl.path": lambda _: exported(),
    "SnapshotArchive.merge.other": lambda _: archive(),
    "SnapshotArchive.expect.circuit_type": lambda _: "qasm",
    "ArchiveReport.*": lambda _: 0,
    "ArchiveReport.problems": lambda _: (),
    "ArchivedJob.circuit_type": lambda _: "qasm",
    "LockEntry.circuit_type": lambda _: None,
    "StudyLock.read.path": lambda _: locked(),
    "StudyLock.write.path": lambda _: str(Path.cwd() / "new.lock"),
    "lock.path": lambda _: str(Path.cwd() / "new.lock"),
    "locked.path": lambda _: locked(),
    "Response.status": lambda _: 200,
    "jobs_response.status": lambda _: 200,
    "json_response.status": lambda _: 200,
    "interop.cirq.snapshot": lambda _: snapshot_of("cirq"),
    "interop.qiskit.snapshot": lambda _: snapshot_of("qiskit"),
    "interop.cirq.new_job.circuits": lambda _: cirq_circuit(),
    "interop.qiskit.new_job.circuits": lambda _: qiskit_circuit(),
    "new_job.shots": lambda _: 1,
    "interop.cirq.new_job.fields": lambda _: {"target": TARGET, "shots": 1},
    "interop.qiskit.new_job.fields": lambda _: {"target": TARGET, "shots": 1},
    "NewJob.for_method.fields": lambda _: {"target": TARGET, "circuits": QASM, "shots": 1},
    "NewJob.for_method.method": lambda _: "submit",
    "emulator.Emulator.job_id": lambda _: uuid.UUID(int=5),
    "emulator.Emulator.plan.target": lambda _: None,
    "emulator.Target.name": lambda _: TARGET,
    "Target.target_name": lambda _: TARGET,
    "Target.*": lambda _: True,
    "emulator.Plan.circuits": lambda _: ABSENT,
    "emulator.EmulatedJob.statuses": lambda _: (sj.CircuitStatus.RECEIVED,),
    "emulator.User.key": lambda _: "k",
    "strategies.job_type": lambda _: None,
    "strategies.job_id": lambda _: None,
    "strategies.index": lambda _: 0,
    "strategies.num_bits": lambda _: None,
    "strategies.num_circuits": lambda _: None,
    "strategies.HostilePayload.body": lambda _: b"",
}

OBJECTS: dict[type, Callable[[World], Any]] = {
    sj.RetryPolicy: lambda _: sj.RetryPolicy(),
    sj.SuperstaqClient: lambda w: w.client,
    sj.SystemClock: lambda _: sj.SystemClock(),
    sj.JobHandle: lambda w: sj.JobHandle(w.client, GOOD["job_id"](w)),
    sj.Counts: lambda _: sj.Counts({"00": 3, "11": 1}),
    sj.FrozenMapping: lambda _: sj.FrozenMapping({"a": 1}),
    sj.JsonMapping: lambda _: sj.JsonMapping({"a": 1}),
    sj.JobDiff: lambda _: sj.diff(job("running"), job("completed")),
    sj.JobSnapshot: lambda _: attrs.evolve(job("completed"), fetched_at=NOON),
    sj.HttpTransport: lambda _: sj.HttpTransport(origin="http://127.0.0.1:9"),
    sj.Pace: lambda _: sj.Pace(),
    sj.PollPolicy: lambda _: sj.PollPolicy(),
    sj.Response: lambda _: sj.Response(status=200),
    FakeClock: lambda _: FakeClock(),
    Fault: lambda _: Fault("refused"),
    ScriptedTransport: lambda _: ScriptedTransport.from_function(_respond),
    sj.SnapshotArchive: lambda _: archive(),
    sj.StudyLock: lambda _: sj.StudyLock.of([job("completed")]),
    sj.OfflineClient: lambda _: sj.OfflineClient(archive()),
    Emulator: lambda _: Emulator(clock=FakeClock()),
    FaultScript: lambda _: FaultScript(),
    Plan: lambda _: Plan(),
    Target: lambda _: Target(name=TARGET),
    User: lambda _: User(),
}
NOT_CALLED = (Simulator.__name__, "EmulatedJob", "AnyFault", "RowKind")
"""Classes whose methods the emulator calls, and names of types."""


# ---- what there is -------------------------------------------------------------------------------


def calls() -> Iterator[Call]:
    """Every public function, constructor and method that takes an argument, once each."""
    seen: set[Any] = set()
    for face in FACES:
        module = importlib.import_module(face)
        for name in module.__all__:
            thing = getattr(module, name)
            prefix = f"{face}.{name}".removeprefix("superstaq_jobs.")
            if id(thing) in seen or name in NOT_CALLED or not callable(thing):
                continue
            seen.add(id(thing))
            if not inspect.isclass(thing):
                yield from _call(prefix, thing, lambda _, thing=thing: thing)
            elif not issubclass(thing, BaseException | enum.Enum) and Protocol not in thing.__mro__:
                yield from _class_calls(prefix, thing)


def _class_calls(prefix: str, kind: type) -> Iterator[Call]:
    yield from _call(prefix, kind, lambda _, kind=kind: kind)
    for name in dir(kind):
        static = inspect.getattr_static(kind, name)
        home = getattr(getattr(kind, name), "__module__", None) or ""
        if name.startswith("_") or not home.startswith("superstaq_jobs"):
            continue  # not public, or of Python's own classes
        if isinstance(static, classmethod | staticmethod):
            yield from _call(
                f"{prefix}.{name}", getattr(kind, name), _get(lambda _, k=kind: k, name)
            )
        elif kind in OBJECTS:
            bound = getattr(OBJECTS[kind](world("v0.3.0")), name)
            yield from _call(f"{prefix}.{name}", bound, _get(OBJECTS[kind], name))
        elif len(inspect.signature(static).parameters) > 1:
            raise LookupError(f"no object of {kind.__name__} to call {name} of: add it to OBJECTS")


def _get(make: Callable[[World], Any], name: str) -> Callable[[World], Any]:
    return lambda world: getattr(make(world), name)


def _call(name: str, function: Any, make: Callable[[World], Any]) -> Iterator[Call]:
    parameters = inspect.signature(function).parameters.values()
    several = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    keywords = tuple(p for p in parameters if p.kind not in several and not p.name.startswith("_"))
    rest = tuple(p.name for p in parameters if p.kind in several and not p.name.startswith("_"))
    if keywords or rest:
        yield Call(name, make, keywords, rest)


def good_arguments(call: Call, world: World) -> dict[str, Any]:
    """The good value of each parameter that has one; the others keep their defaults."""
    arguments = {}
    for parameter in call.keywords:
        value = _good(call.name, parameter, world)
        if value is not ABSENT:
            arguments[parameter.name] = value
    return arguments | next(
        (make(world) for key, make in SPECIAL.items() if key == f"{call.name}.fields"), {}
    )


def _good(name: str, parameter: inspect.Parameter, world: World) -> Any:
    is_needed = parameter.default is parameter.empty
    special = _special(name, parameter.name, is_needed=is_needed)
    if special is not None:
        return special(world)
    if not is_needed:
        return ABSENT
    if parameter.name not in GOOD:
        raise LookupError(f"no good value for {parameter.name} of {name}: add it to GOOD")
    value = GOOD[parameter.name](world)
    if value is ABSENT:
        raise LookupError(f"{name} needs {parameter.name}: add it to SPECIAL")
    return value


@functools.cache
def _special(name: str, parameter: str, *, is_needed: bool) -> Callable[[World], Any] | None:
    parts = name.replace("testing.strategies", "strategies").split(".")
    for key, make in SPECIAL.items():
        *path, last = key.split(".")
        fits = path in (parts[: len(path)], parts[-len(path) :])
        if fits and (last == parameter or (last == "*" and is_needed)):
            return make
    return None


def option_names(call: Call) -> tuple[str, ...]:
    """The names that ``**options`` or ``**fields`` of a call takes."""
    if "options" in call.rest:
        one = "JobHandle" in call.name
        kind = waiting.JobWaitOptions if one else waiting.JobsWaitOptions
        return tuple(kind.__optional_keys__)
    if "fields" in call.rest:
        return tuple(set(attrs.fields_dict(sj.NewJob)) - {p.name for p in call.keywords})
    return ()
