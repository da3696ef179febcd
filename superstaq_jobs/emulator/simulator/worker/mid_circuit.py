"""Sampling of circuits that measure in the middle, without noise.

Lives here: `sample`, and `is_worth_it`, which says when it is the faster way. May import
`programs`.

Aer runs a circuit that measures in the middle once for each shot. Here the shots of one outcome
stay together: at a measurement they part into those that saw 0 and those that saw 1, each with a
state of its own, and each part goes on. So the work grows with the number of histories and not with
that of shots, and 20 qubits with 100,000 shots take seconds.
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
"""What a step costs here, roughly: as such, and for each amplitude."""

_SHOT_SECONDS: Final = 4e-5
_SHOT_STEP_SECONDS: Final = 3e-7
_SHOT_AMPLITUDE_SECONDS: Final = 1e-9
"""What a shot costs in Aer, roughly: as such, for each step, and for each amplitude of a step."""

_PATIENCE_SECONDS: Final = 20.0
"""What takes Aer longer is sampled here: the estimate for here is an upper bound, since a qubit
that is surely 0 or 1 parts nobody."""

_Step = tuple[str, tuple[Any, ...]]
"""An operation's name, and its qubits, bits and angles; or a condition and the steps under it."""


@attrs.frozen
class _Part:
    """Shots with one history: the steps to come, the state, the bits that are 1, how many."""

    steps: Sequence[_Step]
    state: Any
    bits: frozenset[int]
    shots: int


def _condition(circuit: Any, condition: Any) -> Any:
    """A condition as a tree of tuples; None where this module does not know its form."""
    from qiskit.circuit import Clbit
    from qiskit.circuit.classical import expr

    if isinstance(condition, tuple):
        bits, value = condition
        bits = [bits] if isinstance(bits, Clbit) else bits
        return ("equal", tuple(circuit.find_bit(bit).index for bit in bits), int(value))
    if isinstance(condition, expr.Var) and isinstance(condition.var, Clbit):
        return ("equal", (circuit.find_bit(condition.var).index,), 1)
    if isinstance(condition, expr.Binary):
        word = {
            expr.Binary.Op.BIT_OR: "or",
            expr.Binary.Op.LOGIC_OR: "or",
            expr.Binary.Op.BIT_AND: "and",
            expr.Binary.Op.LOGIC_AND: "and",
        }.get(condition.op)
        sides = _condition(circuit, condition.left), _condition(circuit, condition.right)
        return (word, *sides) if word and None not in sides else None
    return None


def _holds(condition: tuple[Any, ...], bits: frozenset[int]) -> bool:
    word, one, other = condition
    if word == "equal":
        return bool(sum((bit in bits) << place for place, bit in enumerate(one)) == other)
    if word == "or":
        return _holds(one, bits) or _holds(other, bits)
    return _holds(one, bits) and _holds(other, bits)


def _conditional(circuit: Any, item: Any) -> _Step | None:
    """A condition and the steps of its blocks; None where a block has conditions of its own."""
    condition = _condition(circuit, item.operation.condition)
    if condition is None:
        return None
    qubits = [circuit.find_bit(qubit).index for qubit in item.qubits]
    clbits = [circuit.find_bit(bit).index for bit in item.clbits]
    blocks = [
        None
        if "if_else" in operation_names(block)
        else [_plain(block, inner, qubits, clbits) for inner in block.data]
        for block in item.operation.blocks
    ]
    return None if None in blocks else ("if_else", (condition, *blocks))


def _plain(circuit: Any, item: Any, qubits: Sequence[int], clbits: Sequence[int]) -> _Step:
    where = (qubits[circuit.find_bit(qubit).index] for qubit in item.qubits)
    bits = (clbits[circuit.find_bit(bit).index] for bit in item.clbits)
    return item.operation.name, (*where, *bits, *item.operation.params)


def _steps(circuit: Any) -> list[_Step] | None:
    """The steps of a circuit; None where there is something that this module does not know."""
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
            step = _plain(circuit, item, qubits, clbits)
        steps.append(step)
    return steps


def _bits_of(condition: tuple[Any, ...]) -> set[int]:
    word, one, other = condition
    return set(one) if word == "equal" else _bits_of(one) | _bits_of(other)


def _uses(step: _Step) -> tuple[set[int], set[int]]:
    """The qubits and the classical bits that a step has to do with."""
    name, where = step
    if name == "if_else":
        condition, *blocks = where
        inside = [_uses(inner) for block in blocks for inner in block]
        qubits = set[int]().union(*(used for used, _ in inside))
        return qubits, _bits_of(condition).union(*(bits for _, bits in inside))
    if name == "measure":
        return {where[0]}, {where[1]}
    return set(where[: 2 if name == "cx" else 1]), set()


def _partings(steps: Sequence[_Step]) -> int:
    """At how many places shots may part."""
    inside = (b for name, where in steps if name == "if_else" for b in where[1:])
    return sum(name in {"measure", "reset"} for name, _ in steps) + sum(map(_partings, inside))


def _without_last(steps: Sequence[_Step]) -> tuple[list[_Step], list[tuple[int, int]]]:
    """The steps, and apart from them the measurements that nothing follows: qubit and bit."""
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
        more_qubits, more_bits = _uses(step)
        qubits |= more_qubits
        bits |= more_bits
    rest.reverse()
    return rest, last


def is_worth_it(circuit: Any, shots: int) -> bool:
    """Whether `sample` is the faster way for a compiled circuit; False where it is no way.

    Args:
        circuit: What is to be run, in the basis of `running`.
        shots: How often.
    """
    steps = _steps(circuit)
    if steps is None:
        return False
    rest, _ = _without_last(steps)
    partings = _partings(rest)
    if not partings:
        return False  # Aer samples from the end as well, and is faster.
    size = 2**circuit.num_qubits
    histories = sum(min(2**level, shots) for level in range(partings + 1))
    step = _STEP_SECONDS + size * _AMPLITUDE_SECONDS
    step_in_aer = _SHOT_STEP_SECONDS + size * _SHOT_AMPLITUDE_SECONDS
    here = histories / (partings + 1) * len(rest) * step
    there = shots * (_SHOT_SECONDS + len(rest) * step_in_aer)
    return bool(here < there or there > _PATIENCE_SECONDS)


# --- states: one complex number for each basis state, qubit q being the bit of weight 2**q


def _axis(state: Any, qubit: int) -> Any:
    """The state with the qubit as the middle one of three axes; a view."""
    return state.reshape(-1, 2, 2**qubit)


def _turn(state: Any, name: str, where: tuple[Any, ...]) -> None:
    """Apply a gate of the basis, in place."""
    import numpy as np

    if name == "cx":
        control, target = where
        low, high = sorted(where)
        parts = state.reshape(-1, 2, 2 ** (high - low - 1), 2, 2**low)
        on = parts[:, 1] if control == high else parts[:, :, :, 1]
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


def _parted(part: _Part, qubit: int, choose: Any) -> Iterator[tuple[int, _Part]]:
    """The shots that see 0 and those that see 1, each with what is left of the state."""
    import numpy as np

    weights = [float(np.sum(np.abs(_axis(part.state, qubit)[:, bit]) ** 2)) for bit in (0, 1)]
    ones = int(choose.binomial(part.shots, min(weights[1] / sum(weights), 1.0)))
    for bit, shots in ((0, part.shots - ones), (1, ones)):
        if shots:
            state = part.state.copy() if 0 < ones < part.shots else part.state
            _axis(state, qubit)[:, 1 - bit] = 0
            state /= math.sqrt(weights[bit])
            yield bit, attrs.evolve(part, state=state, shots=shots)


def _taken(part: _Part, choose: Any) -> list[_Part]:
    """The part one step further: itself, or what it parts into."""
    (name, where), *rest = part.steps
    part = attrs.evolve(part, steps=rest)
    if name == "if_else":
        condition, then, *otherwise = where
        block = then if _holds(condition, part.bits) else [*otherwise, []][0]
        return [attrs.evolve(part, steps=[*block, *rest])]
    if name in {"measure", "reset"}:
        parts = []
        for bit, seen in _parted(part, where[0], choose):
            if name == "measure":
                bits = part.bits | {where[1]} if bit else part.bits - {where[1]}
                parts.append(attrs.evolve(seen, bits=bits))
            else:
                if bit:
                    _turn(seen.state, "x", where)
                parts.append(seen)
        return parts
    if name not in {"barrier", "delay"}:
        _turn(part.state, name, where)
    return [part]


def _ends(part: _Part, last: Sequence[tuple[int, int]], choose: Any) -> dict[int, int]:
    """How often each pattern of bits comes out in the end, the bits as those of a number."""
    import numpy as np

    fixed = sum(1 << bit for bit in part.bits - {bit for _, bit in last})
    if not last:
        return {fixed: part.shots}
    sums = np.cumsum(np.abs(part.state) ** 2)
    drawn = np.searchsorted(sums, choose.random(part.shots) * sums[-1], side="right")
    found: dict[int, int] = {}
    for place, count in zip(*np.unique(drawn, return_counts=True), strict=True):
        pattern = fixed + sum((int(place) >> qubit & 1) << bit for qubit, bit in last)
        found[pattern] = found.get(pattern, 0) + int(count)
    return found


def sample(circuit: Any, *, shots: int, seed: int) -> dict[int, int]:
    """How often each pattern of classical bits comes out.

    Args:
        circuit: A circuit for which `is_worth_it` is true.
        shots: How often it is run.
        seed: What the sample follows from.

    Returns:
        Counts by the bits as those of a number, bit 0 of the circuit being the least one.
    """
    import numpy as np

    steps, last = _without_last(_steps(circuit) or ())
    choose = np.random.default_rng(seed)
    state = np.zeros(2**circuit.num_qubits, dtype=complex)
    state[0] = 1
    left = [_Part(steps=steps, state=state, bits=frozenset(), shots=shots)]
    counts: dict[int, int] = {}
    while left:
        part = left.pop()
        if part.steps:
            left += _taken(part, choose)
            continue
        for pattern, count in _ends(part, last, choose).items():
            counts[pattern] = counts.get(pattern, 0) + count
    return counts
