"""The devices and simulators that an emulator offers."""

from __future__ import annotations

import json
import operator
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
from attrs.converters import optional

from superstaq_jobs.records import fields
from superstaq_jobs.records.problems import shown

__all__ = ["DEFAULT_TARGETS", "OFFICIAL_TARGETS", "Target"]

_FLAGS: Final = (
    "supports_submit", "supports_submit_qubo", "supports_compile", "available", "retired",
    "simulator", "accessible",
)  # fmt: skip


def _coupling(value: Iterable[Iterable[int]]) -> Any:
    try:
        pairs = {(operator.index(a), operator.index(b)) for a, b in value}
    except (TypeError, ValueError):
        return fields.bad(f"must be pairs of qubits, got {shown(value)}")
    return tuple(sorted(pairs | {(b, a) for a, b in pairs}))


@attrs.frozen(kw_only=True)
class Target(fields.Checked):
    """A device or a simulator that jobs can run on.

    Attributes:
        name: ``<provider>_<device>_<qpu or simulator>``; the last part says which of the two it is.
        max_qubits: The largest number of qubits of a circuit; a larger circuit fails, and so does
            one that is to run and uses more than 26.
        coupling: The pairs of qubits (from 0) that two-qubit gates can act on; None for all pairs.
            Each is listed in both directions, as the service does.
        native_gate_set: The gates that circuits are compiled to, by Qiskit's names.
            ``gr``, a rotation of all qubits, is listed but not used.
        fixed_qubits: Whether qubit k of a circuit (of a Cirq circuit: ``LineQubit(k)``) is qubit k
            of the device, instead of being placed by the compiler.
        supports_submit: Whether ``submit`` jobs are accepted.
        supports_submit_qubo: A flag to filter by; the emulator does not solve QUBOs.
        supports_compile: Whether ``compile`` jobs are accepted.
        available: Whether it accepts jobs at the moment.
        retired: Whether it has been withdrawn for good.
        accessible: Whether users may run jobs on it; they can compile and dry-run in any case.

    Raises:
        ValueError: The name or the number of qubits is invalid.
    """

    name: str = attrs.field(converter=fields.target)
    max_qubits: int = attrs.field(default=20, converter=fields.positive_integer)
    coupling: tuple[tuple[int, int], ...] | None = attrs.field(
        default=None, converter=optional(_coupling)
    )
    native_gate_set: tuple[str, ...] = attrs.field(
        default=("rz", "sx", "x", "cx"), converter=fields.strings
    )
    fixed_qubits: bool = False
    supports_submit: bool = True
    supports_submit_qubo: bool = False
    supports_compile: bool = True
    available: bool = True
    retired: bool = False
    accessible: bool = True

    @property
    def simulator(self) -> bool:
        """Whether it is a simulator, by its name."""
        return self.name.endswith("_simulator")

    @property
    def flags(self) -> dict[str, bool]:
        """Its flags, as the list of targets shows them."""
        return {name: getattr(self, name) for name in _FLAGS}

    @property
    def info(self) -> dict[str, Any]:
        """Its details, as ``retrieve_target_info`` returns them."""
        return {
            **self.flags,
            "target": self.name,
            "num_qubits": self.max_qubits,
            "native_gate_set": self.native_gate_set,
            "coupling_map": self.coupling and [list(pair) for pair in self.coupling],
        }

    @property
    def device(self) -> dict[str, Any]:
        """What the simulator has to know of it, as fields of a ``simulator.tasks.Task``."""
        return {
            "max_qubits": self.max_qubits,
            "coupling": self.coupling,
            # A rotation of all qubits at once, which the compiler does not use.
            "native_gates": tuple(gate for gate in self.native_gate_set if gate != "gr"),
            "fixed_qubits": self.fixed_qubits,
        }

    def refusal(self, job_type: str, *, dry_run: bool) -> str | None:
        """Why a job is not accepted; None if it is."""
        if self.retired:
            return f"The target {self.name} is retired."
        if not self.accessible and job_type in {"submit", "simulate"} and not dry_run:
            return f"You do not have access to the target {self.name}."
        if job_type == "submit" and not dry_run:
            if not self.supports_submit:
                return f"The target {self.name} does not accept submit jobs."
            if not self.available:
                return f"The target {self.name} is not available at the moment."
        if job_type == "compile" and not self.supports_compile:
            return f"The target {self.name} does not accept compile jobs."
        return None


def _line(qubits: int) -> tuple[tuple[int, int], ...]:
    return tuple((i, i + 1) for i in range(qubits - 1))


DEFAULT_TARGETS: Final = (
    Target(name="ss_unconstrained_simulator", supports_submit_qubo=True),
    Target(name="emulated_line_qpu", max_qubits=8, coupling=_line(8)),
    Target(name="emulated_ring_qpu", max_qubits=5, coupling=(*_line(5), (4, 0))),
    Target(name="emulated_compileonly_qpu", max_qubits=12, supports_submit=False),
    Target(name="emulated_offline_qpu", max_qubits=8, available=False),
    Target(name="emulated_private_qpu", max_qubits=8, accessible=False),
    Target(name="emulated_retired_qpu", max_qubits=2, available=False, retired=True),
)
"""The targets of an emulator by default. The first is named after the service's own simulator; the
others exist only here."""


def _official() -> Iterator[Target]:
    data = json.loads(Path(__file__).with_name("official_targets.json").read_bytes())
    for row in data["targets"]:
        yield Target(**{**row, "coupling": data["couplings"].get(row.get("coupling"))})


OFFICIAL_TARGETS: Final = tuple(_official())
"""The targets that the service listed in November 2026, for ``Emulator(targets=...)``.

The names and flags are those that the service lists. Sizes, connections and gates are plausible
rather than exact, and no device's noise is modelled. ``cq_sqale_qpu`` is smaller than the real one,
because programs for it act on all of its qubits at once.
"""
