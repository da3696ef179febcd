"""Sampling, without noise, of circuits that measure in the middle.

Aer runs such a circuit once for each shot. Here, shots with the same outcomes so far are simulated
together: a measurement splits them into those that saw 0 and those that saw 1, each with a state of
its own. So the work grows with the number of histories rather than of shots, and 20 qubits with
100,000 shots take seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from .program import operation_names

__all__ = ["is_worth_it", "sample"]

_KNOWN: Final = frozenset(
    {"rz", "sx", "x", "cx", "measure", "reset", "barrier", "delay", "if_else"}
)

_STEP_SECONDS: Final = 1.5e-5
_AMPLITUDE_SECONDS: Final = 3e-9
"""The approximate cost of a step here: in itself, and for each amplitude."""

_SHOT_SECONDS: Final = 4e-5
_SHOT_STEP_SECONDS: Final = 3e-7
_SHOT_AMPLITUDE_SECONDS: Final = 1e-9
"""The approximate cost of a shot in Aer: in itself, per step, and per amplitude of a step."""

_PATIENCE_SECONDS: Final = 20.0
"""What would take Aer longer than this is sampled here in any case: the estimate for this module is
an upper bound, since a qubit that is certainly 0 or 1 does not split the shots."""

_Step = tuple[str, tuple[Any, ...]]
"""An operation's name, and its qubits, bits and angles, or a condition and its blocks of steps."""


@attrs.frozen
class _Branch:
    """Shots with one history: steps to come, state, bits that are 1, number of shots."""

    steps: Sequence[_Step]
    state: Any
    bits: frozenset[int]
    shots: int


def _condition(circuit: Any, condition: Any) -> Any:
    """A condition as a tree of tuples; None if its form is not supported here."""
    from qiskit.circuit import Clbit
    from qiskit.circuit.classical import expr

    if isinstance(condition, tuple):
        bits, value = condition
        bits = [bits] if isinstance(bits, Clbit) else bits
        return ("equal", tuple(circuit.find_bit(bit).index for bit in bits), int(value))
    if isinstance(condition, expr.Var) and isinstance(condition.var, Clbit):
        return ("equal", (circuit.find_bit(condition.var).index,), 1)
    if isinstance(condition, expr.Binary):
        operator = {
            expr.Binary.Op.BIT_OR: "or",
            expr.Binary.Op.LOGIC_OR: "or",
            expr.Binary.Op.BIT_AND: "and",
            expr.Binary.Op.LOGIC_AND: "and",
        }.get(condition.op)
        sides = _condition(circuit, condition.left), _condition(circuit, condition.right)
        return (operator, *sides) if operator and None not in sides else None
    return None


def _holds(condition: tuple[Any, ...], bits: frozenset[int]) -> bool:
    operator, one, other = condition
    if operator == "equal":
        return bool(sum((bit in bits) << place for place, bit in enumerate(one)) == other)
    if operator == "or":
        return _holds(one, bits) or _holds(other, bits)
    return _holds(one, bits) and _holds(other, bits)


def _conditional(circuit: Any, item: Any) -> _Step | None:
    """A condition and the steps of its blocks; None if a block has conditions of its own."""
    condition = _condition(circuit, item.operation.condition)
    if condition is None:
        return None
    qubits = [circuit.find_bit(qubit).index for qubit in item.qubits]
    clbits = [circuit.find_bit(bit).index for bit in item.clbits]
    blocks = [
        None
        if "if_else" in operation_names(block)
        else [_simple_step(block, inner, qubits, clbits) for inner in block.data]
        for block in item.operation.blocks
    ]
    return None if None in blocks else ("if_else", (condition, *blocks))


def _simple_step(circuit: Any, item: Any, qubits: Sequence[int], clbits: Sequence[int]) -> _Step:
    where = (qubits[circuit.find_bit(qubit).index] for qubit in item.qubits)
    bits = (clbits[circuit.find_bit(bit).index] for bit in item.clbits)
    return item.operation.name, (*where, *bits, *item.operation.params)


def _steps(circuit: Any) -> list[_Step] | None:
    """The steps of a circuit; None if an operation is not supported here."""
    if not operation_names(circuit) <= _KNOWN:
        return None
    qubits, clbits = range(circuit.num_qubits), range(circuit.num_clbits)
    steps: list[_Step] = []
    for item in circuit.data:
        if item.operation.name == "if_else":
            step = _conditional(circuit, item)
            if step is None:
                return None
        else:
            step = _simple_step(circuit, item, qubits, clbits)
        steps.append(step)
    return steps


def _bits_of(condition: tuple[Any, ...]) -> set[int]:
    operator, one, other = condition
    return set(one) if operator == "equal" else _bits_of(one) | _bits_of(other)


def _acts_on(step: _Step) -> tuple[set[int], set[int]]:
    """The qubits and the classical bits that a step acts on or depends on."""
    name, where = step
    if name == "if_else":
        condition, *blocks = where
        inside = [_acts_on(inner) for block in blocks for inner in block]
        qubits = set[int]().union(*(used for used, _ in inside))
        return qubits, _bits_of(condition).union(*(bits for _, bits in inside))
    if name == "measure":
        return {where[0]}, {where[1]}
    return set(where[: 2 if name == "cx" else 1]), set()


def _num_splits(steps: Sequence[_Step]) -> int:
    """At how many places the shots may split."""
    inside = (b for name, where in steps if name == "if_else" for b in where[1:])
    return sum(name in {"measure", "reset"} for name, _ in steps) + sum(map(_num_splits, inside))


def _without_last(steps: Sequence[_Step]) -> tuple[list[_Step], list[tuple[int, int]]]:
    """The steps, and separately the final measurements, as pairs of qubit and bit."""
    rest: list[_Step] = []
    last: list[tuple[int, int]] = []
    qubits: set[int] = set()
    bits: set[int] = set()
    for step in reversed(steps):
        name, where = step
        if name in {"barrier", "delay"}:
            continue
        if name == "measure" and where[0] not in qubits and where[1] not in bits:
            last.append((where[0], where[1]))
        else:
            rest.append(step)
        more_qubits, more_bits = _acts_on(step)
        qubits |= more_qubits
        bits |= more_bits
    rest.reverse()
    return rest, last


def is_worth_it(circuit: Any, shots: int) -> bool:
    """Whether `sample` is the faster way to run a compiled circuit; False if it cannot run it.

    Args:
        circuit: The circuit, in the basis gates of `compile_and_run`.
        shots: The number of shots.
    """
    steps = _steps(circuit)
    if steps is None:
        return False
    rest, _ = _without_last(steps)
    splits = _num_splits(rest)
    if not splits:
        return False  # Aer samples such a circuit from its final state too, and faster.
    size = 2**circuit.num_qubits
    histories = sum(min(2**level, shots) for level in range(splits + 1))
    step = _STEP_SECONDS + size * _AMPLITUDE_SECONDS
    step_in_aer = _SHOT_STEP_SECONDS + size * _SHOT_AMPLITUDE_SECONDS
    here = histories / (splits + 1) * len(rest) * step
    there = shots * (_SHOT_SECONDS + len(rest) * step_in_aer)
    return bool(here < there or there > _PATIENCE_SECONDS)


# ---- states: one complex number for each basis state; qubit q is the bit of weight 2**q


def _axis(state: Any, qubit: int) -> Any:
    """A view of the state with the qubit as the middle one of three axes."""
    return state.reshape(-1, 2, 2**qubit)


def _apply_gate(state: Any, name: str, where: tuple[Any, ...]) -> None:
    """Apply a basis gate in place."""
    import numpy as np

    if name == "cx":
        control, target = where
        low, high = sorted(where)
        blocks = state.reshape(-1, 2, 2 ** (high - low - 1), 2, 2**low)
        on = blocks[:, 1] if control == high else blocks[:, :, :, 1]
        axis = 1 if control < target else 2
        on[...] = np.flip(on, axis=axis).copy()
        return
    zero, one = _axis(state, where[0])[:, 0], _axis(state, where[0])[:, 1]
    if name == "rz":
        half = complex(0, float(where[1]) / 2)
        zero *= np.exp(-half)
        one *= np.exp(half)
    else:
        a, b = (0, 1) if name == "x" else ((1 + 1j) / 2, (1 - 1j) / 2)
        zero[...], one[...] = a * zero + b * one, b * zero + a * one


def _measured(branch: _Branch, qubit: int, rng: Any) -> Iterator[tuple[int, _Branch]]:
    """The shots that see 0 and those that see 1, each with the state after the measurement."""
    import numpy as np

    weights = [float(np.sum(np.abs(_axis(branch.state, qubit)[:, bit]) ** 2)) for bit in (0, 1)]
    ones = int(rng.binomial(branch.shots, min(weights[1] / sum(weights), 1.0)))
    for bit, shots in ((0, branch.shots - ones), (1, ones)):
        if shots:
            state = branch.state.copy() if 0 < ones < branch.shots else branch.state
            _axis(state, qubit)[:, 1 - bit] = 0
            state /= math.sqrt(weights[bit])
            yield bit, attrs.evolve(branch, state=state, shots=shots)


def _next_branches(branch: _Branch, rng: Any) -> list[_Branch]:
    """The branch one step further: itself, or the branches that it splits into."""
    (name, where), *rest = branch.steps
    branch = attrs.evolve(branch, steps=rest)
    if name == "if_else":
        condition, then, *otherwise = where
        block = then if _holds(condition, branch.bits) else [*otherwise, []][0]
        return [attrs.evolve(branch, steps=[*block, *rest])]
    if name in {"measure", "reset"}:
        branches = []
        for bit, seen in _measured(branch, where[0], rng):
            if name == "measure":
                bits = branch.bits | {where[1]} if bit else branch.bits - {where[1]}
                branches.append(attrs.evolve(seen, bits=bits))
            else:
                if bit:
                    _apply_gate(seen.state, "x", where)
                branches.append(seen)
        return branches
    if name not in {"barrier", "delay"}:
        _apply_gate(branch.state, name, where)
    return [branch]


def _final_counts(branch: _Branch, last: Sequence[tuple[int, int]], rng: Any) -> dict[int, int]:
    """How often each pattern of bits occurs at the end; bit i is the bit of weight 2**i."""
    import numpy as np

    fixed = sum(1 << bit for bit in branch.bits - {bit for _, bit in last})
    if not last:
        return {fixed: branch.shots}
    sums = np.cumsum(np.abs(branch.state) ** 2)
    drawn = np.searchsorted(sums, rng.random(branch.shots) * sums[-1], side="right")
    found: dict[int, int] = {}
    for place, count in zip(*np.unique(drawn, return_counts=True), strict=True):
        pattern = fixed + sum((int(place) >> qubit & 1) << bit for qubit, bit in last)
        found[pattern] = found.get(pattern, 0) + int(count)
    return found


def sample(circuit: Any, *, shots: int, seed: int) -> dict[int, int]:
    """How often each pattern of classical bits occurs.

    Args:
        circuit: A circuit for which `is_worth_it` is true.
        shots: The number of shots.
        seed: Determines the sample.

    Returns:
        Counts by pattern, as a number: bit i of the circuit is its bit of weight 2**i.
    """
    import numpy as np

    steps, last = _without_last(_steps(circuit) or ())
    rng = np.random.default_rng(seed)
    state = np.zeros(2**circuit.num_qubits, dtype=complex)
    state[0] = 1
    left = [_Branch(steps=steps, state=state, bits=frozenset(), shots=shots)]
    counts: dict[int, int] = {}
    while left:
        branch = left.pop()
        if branch.steps:
            left += _next_branches(branch, rng)
            continue
        for pattern, count in _final_counts(branch, last, rng).items():
            counts[pattern] = counts.get(pattern, 0) + count
    return counts
