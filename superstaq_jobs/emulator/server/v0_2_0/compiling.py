"""The calls that compile circuits, or count their gates, while the client waits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import attrs
import msgspec

from superstaq_jobs.emulator.messages import Request
from superstaq_jobs.emulator.service import Service, User
from superstaq_jobs.emulator.simulator.tasks import Compiled, Task
from superstaq_jobs.emulator.targets import Target

from .requests import Circuits, bad_request, read, sizes

__all__ = ["compile_circuits", "compile_for_aqt", "compile_for_qscout", "estimate_resources"]

T = TypeVar("T")

_MAX_COPIES: Final = 1_000
_MAX_CHARACTERS: Final = 128 * 1024 * 1024

_NO_JAQAL: Final = "// This emulator does not write Jaqal."
"""In place of each Jaqal program, without which the clients do not read a response."""


@attrs.frozen(kw_only=True)
class _Batch:
    """The circuits of one request, compiled."""

    circuit_type: str
    compiled: tuple[Compiled, ...]

    def copied(self, times: int) -> _Batch:
        """Each circuit as often as that, one after the other; raises a ``Refusal`` if too long."""
        if sum(len(one.compiled) for one in self.compiled) * times > _MAX_CHARACTERS:
            raise bad_request(f"the response would have more than {_MAX_CHARACTERS:,} characters")
        return attrs.evolve(
            self, compiled=tuple(one for one in self.compiled for _ in range(times))
        )

    def response(self, service: Service) -> dict[str, Any]:
        """The circuits as one string, and the maps of their qubits."""
        circuits = [one.compiled for one in self.compiled]
        how = {"sources": circuits, "circuit_type": self.circuit_type}
        try:
            joined: str = service.store.call("join", **how)
        except ValueError as error:
            raise bad_request(f"the compiled circuits cannot be written: {error}") from error
        return {
            f"{self.circuit_type}_circuits": joined,
            "initial_logical_to_physicals": json.dumps(
                [_pairs(one, one.initial) for one in self.compiled]
            ),
            "final_logical_to_physicals": json.dumps(
                [_pairs(one, one.final) for one in self.compiled]
            ),
        }


def _pairs(compiled: Compiled, places: Sequence[int]) -> list[tuple[Any, Any]]:
    """A map as pairs, of qubits if the format has names for them and of numbers otherwise."""
    if compiled.logical_qubits is None or compiled.physical_qubits is None:
        return list(enumerate(places))
    logical = json.loads(compiled.logical_qubits)
    physical = json.loads(compiled.physical_qubits)
    return [(qubit, physical[place]) for qubit, place in zip(logical, places, strict=True)]


def _compile(
    service: Service, target: Target, circuits: Sequence[str], circuit_type: str, **how: Any
) -> _Batch:
    """Compile circuits, all or none.

    Raises:
        Refusal: 400, if the target does not compile or a circuit cannot be compiled.
    """
    if target.retired:
        raise bad_request(f"The target {target.name} is retired.")
    if not target.supports_compile:
        raise bad_request(f"The target {target.name} does not compile circuits.")
    compiling = service.store.simulator.request(
        [
            Task(circuit=circuit, circuit_type=circuit_type, **target.device, **how)
            for circuit in circuits
        ]
    )
    compiled = []
    for index, future in enumerate(compiling):
        try:
            compiled.append(service.store.wait(future))
        except ValueError as error:
            raise bad_request(f"circuit {index} cannot be compiled: {error}") from error
    return _Batch(circuit_type=circuit_type, compiled=tuple(compiled))


def _read(service: Service, request: Request) -> tuple[Circuits, Target, list[str], str]:
    body = read(Circuits, request)
    text, circuit_type = body.one
    target = service.target(body.target)
    return body, target, service.split(text, circuit_type), circuit_type


def _option(options: dict[str, Any], name: str, kind: type[T], default: T) -> T:
    value = options.get(name)
    if value is None:
        return default
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise bad_request(f"options: {name}: {error}") from error


def _copies(options: dict[str, Any]) -> int:
    copies = _option(options, "num_eca_circuits", int, 1)
    if not 1 <= copies <= _MAX_COPIES:
        raise bad_request(
            f"options: num_eca_circuits must be from 1 to {_MAX_COPIES}, got {copies}"
        )
    return copies


def compile_circuits(service: Service, _: User, request: Request) -> object:
    """``POST /compile``."""
    body, target, circuits, circuit_type = _read(service, request)
    body.read_options()
    batch = _compile(service, target, circuits, circuit_type)
    return batch.response(service)


def compile_for_aqt(service: Service, _: User, request: Request) -> object:
    """``POST /aqt_compile``: without pulses. Equivalent circuits are copies of each other."""
    body, target, circuits, circuit_type = _read(service, request)
    copies = _copies(body.read_options())
    batch = _compile(service, target, circuits, circuit_type)
    return batch.copied(copies).response(service)


def compile_for_qscout(service: Service, _: User, request: Request) -> object:
    """``POST /qscout_compile``: circuits, without their Jaqal programs."""
    body, target, circuits, circuit_type = _read(service, request)
    options = body.read_options()
    copies = _copies(options)
    mirror_swaps = _option(options, "mirror_swaps", bool, default=False)
    batch = _compile(service, target, circuits, circuit_type, mirror_swaps=mirror_swaps)
    response = batch.copied(copies).response(service)
    return {**response, "jaqal_programs": [_NO_JAQAL] * (len(circuits) * copies)}


def estimate_resources(service: Service, _: User, request: Request) -> object:
    """``POST /resource_estimate``: of the compiled circuits; for simulators, of those given."""
    body, target, circuits, circuit_type = _read(service, request)
    body.read_options()
    if not target.simulator:
        batch = _compile(service, target, circuits, circuit_type)
        circuits = [one.compiled for one in batch.compiled]
    estimates = []
    for index, size in enumerate(sizes(service, circuits, circuit_type)):
        if size is None:
            raise bad_request(f"circuit {index} cannot be read, or not in the time allowed")
        del size["num_qubits"]
        estimates.append(size)
    return {"resource_estimates": estimates}
