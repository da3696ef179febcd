"""Counts of measured bitstrings, as a mapping that cannot change."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from .frozen import FrozenMapping, adopt, is_unicode

__all__ = ["Counts"]

_NUMBERS: Final = frozenset({int, float})
_SHOWN: Final = 8


class Counts(FrozenMapping[str, int | float]):
    """How often each bitstring was measured.

    A mapping from bitstrings to numbers: of shots (ints), or weights or probabilities (floats,
    which may be negative after error mitigation). Bitstrings are big-endian: character i is the
    i-th measured qubit, counted from 0. Reading copies nothing, whatever the number of outcomes.

    What the server sends is kept as it is. Only methods that need bitstrings of one length, or of 0
    and 1, raise for others.

    >>> counts = Counts({"00": 507, "11": 493})
    >>> counts["00"], counts.shots
    (507, 1000)

    Args:
        items: The bitstrings and their numbers, which are copied once.

    Raises:
        TypeError: If a bitstring is not a string, or a number not an int or float (or a bool).
        ValueError: If a number is NaN or infinite; if an int beside floats is larger than any
            float; if a bitstring has a lone surrogate.
    """

    __slots__ = ()

    @staticmethod
    def _checked(items: dict[Any, Any]) -> dict[Any, Any]:
        if not set(map(type, items)) <= {str}:
            bad = next(key for key in items if type(key) is not str)
            raise TypeError(f"a bitstring must be a string, got {bad!r}")
        kinds = set(map(type, items.values()))
        if not kinds <= _NUMBERS:
            items = {bits: _number(bits, value) for bits, value in items.items()}
        if kinds != {int} and not _all_finite(items.values()):
            bits, value = next((b, v) for b, v in items.items() if not _all_finite([v]))
            raise ValueError(f"the count of {bits!r} must be a finite float or int, got {value}")
        if not all(map(str.isascii, items)) and not all(map(is_unicode, items)):
            raise ValueError("a bitstring has a lone surrogate, which UTF-8 cannot encode")
        return items

    @property
    def shots(self) -> int | float:
        """The sum of all numbers: the number of shots, or the total weight."""
        return _total(self._items.values())

    @property
    def num_bits(self) -> int:
        """The length of the bitstrings; 0 if there are none.

        Raises:
            ValueError: If they differ in length.
        """
        lengths = set(map(len, self._items))
        if len(lengths) > 1:
            raise ValueError(f"the bitstrings have different lengths: {sorted(lengths)[:8]}")
        return lengths.pop() if lengths else 0

    def probabilities(self) -> Counts:
        """The counts divided by their sum, so that they add up to 1.

        Raises:
            ValueError: If the sum is 0, as without any counts.
        """
        total = self.shots
        if not total:
            raise ValueError("no probabilities: the counts add up to 0")
        return Counts({bits: value / total for bits, value in self._items.items()})

    def most_common(self, n: int | None = None) -> list[tuple[str, int | float]]:
        """The bitstrings with the largest numbers, largest first; ties in order of the bitstrings.

        Args:
            n: How many to return at most; None for all.
        """
        ordered = sorted(self._items.items(), key=lambda item: (-item[1], item[0]))
        return ordered if n is None else ordered[: max(n, 0)]

    def marginal(self, qubits: Iterable[int]) -> Counts:
        """The counts of some of the bits, in the given order, summed over the others.

        >>> Counts({"001": 3, "011": 4}).marginal([2, 0])
        Counts({'10': 7})

        Args:
            qubits: Positions in the bitstring, from 0.

        Raises:
            TypeError: If a position is not an int.
            ValueError: If a position is outside the bitstrings, or they differ in length.
        """
        chosen = _positions(qubits, self.num_bits if self._items else None)
        groups: dict[str, list[int | float]] = {}
        for bits, value in self._items.items():
            groups.setdefault("".join([bits[i] for i in chosen]), []).append(value)
        return Counts({bits: _total(values) for bits, values in groups.items()})

    def expand(self, places: Iterable[int], num_bits: int) -> Counts:
        """The counts in longer bitstrings, with 0 where they have no bit; undoes ``marginal``.

        The service sends only the classical bits of a Qiskit circuit that are measured. If those
        are bits 1 and 3 of 4, this gives all four, which ``reversed_bits`` then writes as Qiskit
        does. ``superstaq_jobs.interop.qiskit.counts`` reads the places from the circuit.

        >>> Counts({"10": 7}).expand([1, 3], 4)
        Counts({'0100': 7})

        Args:
            places: The position of each bit in the new bitstrings, from 0; all different.
            num_bits: The length of the new bitstrings.

        Raises:
            TypeError: If a position is not an int.
            ValueError: If there is not one position for each bit, or one is not in the new
                bitstrings or appears twice; or if the bitstrings differ in length.
        """
        chosen = _positions(places, num_bits)
        if len(set(chosen)) < len(chosen):
            raise ValueError(f"the positions must be different, got {chosen}")
        if self._items and len(chosen) != self.num_bits:
            raise ValueError(f"expected {self.num_bits} positions, one a bit, got {len(chosen)}")
        spread: dict[str, int | float] = {}
        for bits, value in self._items.items():
            longer = ["0"] * num_bits
            for place, bit in zip(chosen, bits, strict=True):
                longer[place] = bit
            spread["".join(longer)] = value
        return adopt(Counts, spread)

    def reversed_bits(self) -> Counts:
        """The counts with every bitstring reversed.

        That is how Qiskit writes them if every classical bit is measured and there is one register;
        ``superstaq_jobs.interop.qiskit.counts`` does it for any circuit.
        """
        return adopt(Counts, {bits[::-1]: value for bits, value in self._items.items()})

    def combine(self, *others: Mapping[str, int | float]) -> Counts:
        """The sum of these counts and others, by bitstring.

        Raises:
            ValueError: If the bitstrings differ in length.
        """
        parts = [self, *(c if isinstance(c, Counts) else Counts(c) for c in others)]
        widths = {part.num_bits for part in parts if part}
        if len(widths) > 1:
            different = " and ".join(map(str, sorted(widths)))
            raise ValueError(f"counts of {different} bits cannot be combined")
        sums: dict[str, int | float] = {}
        for part in parts:
            for bits, value in part.items():
                sums[bits] = sums.get(bits, 0) + value
        return Counts(sums)

    def __add__(self, other: object) -> Counts:
        return self.combine(other) if isinstance(other, Mapping) else NotImplemented

    def parity_expectation(self, qubits: Iterable[int] | None = None) -> float:
        """The mean parity of some bits: +1 for an even number of ones, -1 for an odd one.

        This is the expectation value of the product of Pauli Z on these qubits.

        >>> Counts({"00": 3, "01": 1}).parity_expectation()
        0.5

        Args:
            qubits: Positions in the bitstring, from 0; None for all.

        Raises:
            TypeError: If a position is not an int.
            ValueError: If a position is outside the bitstrings, a bitstring has a character other
                than 0 and 1, or the counts add up to 0.
        """
        kept = self if qubits is None else self.marginal(dict.fromkeys(qubits))
        strange = next((bits for bits in kept if bits.strip("01")), None)
        if strange is not None:
            raise ValueError(f"parity needs bitstrings of 0 and 1, got {strange!r}")
        signed = (-v if bits.count("1") % 2 else v for bits, v in kept.probabilities().items())
        return math.fsum(signed)

    def __repr__(self) -> str:
        if len(self._items) <= _SHOWN:
            return super().__repr__()
        first = dict(itertools.islice(self._items.items(), _SHOWN))
        return f"Counts({str(first).removesuffix('}')}, … {len(self._items)} outcomes}})"


def _total(values: Collection[int | float]) -> int | float:
    # Marginals of marginals change the order of the values; fsum does not depend on it.
    return sum(values) if set(map(type, values)) <= {int} else math.fsum(values)


def _all_finite(values: Iterable[int | float]) -> bool:
    try:
        return all(map(math.isfinite, values))
    except OverflowError:  # an int that is larger than any float
        return False


def _number(bits: str, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"the count of {bits!r} must be a number, got {value!r}")
    return float(value) if isinstance(value, float) else int(value)


def _positions(qubits: Iterable[int], width: int | None) -> list[int]:
    chosen = list(qubits)
    for i in chosen:
        if isinstance(i, bool) or not isinstance(i, int):
            raise TypeError(f"a position must be an int, got {i!r}")
        if i < 0 or (width is not None and i >= width):
            raise ValueError(f"a position must be >= 0 and < {width or 0}, got {i}")
    return chosen
