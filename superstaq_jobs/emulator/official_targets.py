"""Targets with the names that the service uses, for programs that name them.

The names and flags are those that the service lists. Sizes, connections and gates are plausible
rather than exact, and no device's noise is modelled. ``cq_sqale_qpu`` is smaller than the real one,
because programs for it act on all of its qubits at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

from .targets import Target

__all__ = ["OFFICIAL_TARGETS"]

_Pairs = tuple[tuple[int, int], ...]

_IBM: Final = ("cz", "rz", "sx", "x")
_IONQ: Final = ("rz", "rx", "rzz")
_QUANTINUUM: Final = ("rz", "r", "rzz")
_PHASED_X: Final = ("rz", "r", "cz")
_SQALE: Final = ("gr", "rz", "r", "cz")


def _both_ways(pairs: Iterable[tuple[int, int]]) -> _Pairs:
    return tuple(sorted({pair for a, b in pairs for pair in ((a, b), (b, a))}))


def _line(qubits: int) -> _Pairs:
    return _both_ways(itertools.pairwise(range(qubits)))


def _grid(rows: int, columns: int) -> _Pairs:
    at = [[row * columns + column for column in range(columns)] for row in range(rows)]
    along = (pair for row in at for pair in itertools.pairwise(row))
    across = (pair for column in zip(*at, strict=True) for pair in itertools.pairwise(column))
    return _both_ways((*along, *across))


def _heavy_hex(rows: int, columns: int) -> _Pairs:
    """Rows of qubits, and between two of them one more qubit for every fourth column."""
    bridges = columns // 4
    pairs: list[tuple[int, int]] = []
    for row in range(rows):
        first = row * (columns + bridges)
        pairs += itertools.pairwise(range(first, first + columns))
        if row + 1 < rows:
            for number in range(bridges):
                bridge = first + columns + number
                column = 4 * number + (3 if row % 2 == 0 else 1)
                pairs += [(first + column, bridge), (bridge, first + columns + bridges + column)]
    return _both_ways(pairs)


def _ibm(name: str) -> Target:
    coupling = _heavy_hex(8, 16)
    return Target(name=f"ibmq_{name}_qpu", max_qubits=156, coupling=coupling, native_gate_set=_IBM)


def _compile_only(name: str, qubits: int, coupling: _Pairs | None, *gates: str) -> Target:
    return Target(
        name=name,
        max_qubits=qubits,
        coupling=coupling,
        native_gate_set=gates,
        fixed_qubits=True,
        supports_submit=False,
        available=False,
        accessible=False,
    )


OFFICIAL_TARGETS: Final = (
    _compile_only("aqt_keysight_qpu", 8, _line(8), "rz", "rx", "cz"),
    _compile_only("aqt_zurich_qpu", 8, _line(8), "rz", "rx", "cz"),
    Target(name="aer_qasm_simulator"),
    Target(name="aer_statevector_simulator"),
    Target(name="aer_unitary_simulator", max_qubits=12),
    Target(name="alpine_ibex-q1_qpu", max_qubits=12, native_gate_set=("rz", "rx", "rxx")),
    Target(name="aws_dm1_simulator", max_qubits=17),
    Target(name="aws_sv1_simulator", max_qubits=34),
    Target(name="aws_tn1_simulator", max_qubits=50),
    Target(name="cq_sqale_qpu", max_qubits=20, native_gate_set=_SQALE),
    Target(name="cq_sqale_simulator", max_qubits=20, native_gate_set=_SQALE),
    _compile_only("eeroq_wonderlake_qpu", 5, _line(5), "rz", "r", "cz"),
    *map(_ibm, ("boston", "fez", "kingston", "marrakesh", "pittsburgh")),
    Target(name="ionq_aria-1_qpu", max_qubits=25, native_gate_set=_IONQ),
    Target(name="ionq_forte-1_qpu", max_qubits=36, native_gate_set=_IONQ),
    Target(name="ionq_forte-enterprise-1_qpu", max_qubits=36, native_gate_set=_IONQ),
    Target(name="ionq_ion_simulator", max_qubits=29, native_gate_set=_IONQ),
    Target(name="iqm_emerald_qpu", max_qubits=54, coupling=_grid(6, 9), native_gate_set=_PHASED_X),
    Target(name="iqm_garnet_qpu", max_qubits=20, coupling=_grid(4, 5), native_gate_set=_PHASED_X),
    _compile_only("qscout_peregrine_qpu", 11, None, "rz", "rx", "rxx"),
    Target(name="qtm_h1-1le_simulator", max_qubits=20, native_gate_set=_QUANTINUUM),
    Target(name="qtm_h2-1_qpu", max_qubits=56, native_gate_set=_QUANTINUUM),
    Target(name="qtm_helios-1_qpu", max_qubits=98, native_gate_set=_QUANTINUUM),
    Target(
        name="rigetti_cepheus-1-108q_qpu",
        max_qubits=108,
        coupling=_grid(9, 12),
        native_gate_set=("rz", "rx", "cz"),
    ),
    Target(name="sqale_boulder_qpu", max_qubits=20, native_gate_set=_SQALE),
    Target(name="sqale_nqcc_qpu", max_qubits=20, native_gate_set=_SQALE),
    Target(name="ss_unconstrained_simulator", supports_submit_qubo=True),
)
"""The targets that the service listed in November 2026, for `Emulator(targets=...)`."""
