"""Counts of measured bitstrings, as a mapping that cannot change."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Mapping
from numbers import Integral, Real
from typing import Any, Final

from . import display
from .frozen import FrozenMapping, adopt, is_unicode
from .problems import InvalidValue, check_iterable, check_type, shown

__all__ = ["Counts", "received_counts"]

_NUMBERS: Final = frozenset({int, float})
_SHOWN: Final = 8
_SHOWN_BITS: Final = 40
_LONGEST_BITSTRING: Final = 1_000_000


class Counts(FrozenMapping[str, int | float]):
    """How often each bitstring was measured.

    A mapping from bitstrings to numbers: of shots (ints), or weights or probabilities (floats,
    which may be negative after error mitigation). Bitstrings are big-endian: character i is the
    i-th measured qubit, counted from 0. Reading copies nothing, whatever the number of outcomes.

    What the server sends is kept as it is, even where it could not be passed to ``Counts``. Only
    methods that need bitstrings of one length, or of 0 and 1, raise for others.

    >>> counts = Counts({"00": 507, "11": 493})
    >>> counts["00"], counts.shots
    (507, 1000)

    Args:
        items: The bitstrings and their numbers, which are copied once. Other kinds of numbers, such
            as NumPy's, become ints or floats.

    Raises:
        TypeError: If a bitstring is not a string, or a number not a real number (or a bool).
        ValueError: If a bitstring has a character other than 0 and 1; if an int is negative; if a
            number is NaN or infinite; if an int beside floats is larger than any float.
    """

    __slots__ = ()

    @staticmethod
    def _checked(items: dict[Any, Any]) -> dict[Any, Any]:
        items = _plain(items)
        if strange := next((bits for bits in items if bits.strip("01")), None):
            raise InvalidValue(
                "a bitstring must have only the characters 0 and 1, "
                f"got {strange!r}{_hint(strange)}"
            )
        negative = next((b for b, value in items.items() if value < 0 and type(value) is int), None)
        if negative is not None:
            value = shown(items[negative])
            raise InvalidValue(
                f"a number of shots must be >= 0, got {value} for {negative!r}; a weight may be "
                f"negative: write it as the float {value}.0"
            )
        return items

    def __reduce__(self) -> tuple[Any, ...]:
        return received_counts, (self._items,)  # which takes whatever the server sent

    @property
    def shots(self) -> int | float:
        """The sum of all numbers: the number of shots, or the total weight.

        Raises:
            ValueError: If the weights add up to more than any float.
        """
        return _total(self._items.values())

    @property
    def num_bits(self) -> int:
        """The length of the bitstrings; 0 if there are none.

        Raises:
            ValueError: If they differ in length.
        """
        lengths = set(map(len, self._items))
        if len(lengths) > 1:
            raise InvalidValue(f"the bitstrings have different lengths: {sorted(lengths)[:8]}")
        return lengths.pop() if lengths else 0

    def probabilities(self) -> Counts:
        """The counts divided by their sum, so that they add up to 1.

        Raises:
            ValueError: If the sum is 0, as without any counts.
        """
        total = self.shots
        if not total:
            raise InvalidValue("no probabilities: the counts add up to 0")
        return received_counts({bits: value / total for bits, value in self._items.items()})

    def most_common(self, n: int | None = None) -> list[tuple[str, int | float]]:
        """The bitstrings with the largest numbers, largest first; ties in order of the bitstrings.

        Args:
            n: How many to return at most; None for all.
        """
        if n is not None:
            check_type(int, n=n)
        return display.most_common(self._items, len(self) if n is None else n)

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
        chosen = _positions("qubits", qubits, self.num_bits if self._items else None)
        groups: dict[str, list[int | float]] = {}
        for bits, value in self._items.items():
            groups.setdefault("".join([bits[i] for i in chosen]), []).append(value)
        return received_counts({bits: _total(values) for bits, values in groups.items()})

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
        check_type(int, num_bits=num_bits)
        if not 0 <= num_bits <= _LONGEST_BITSTRING:
            got = shown(num_bits)
            raise InvalidValue(f"num_bits must be from 0 to {_LONGEST_BITSTRING:,}, got {got}")
        chosen = _positions("places", places, num_bits)
        if len(set(chosen)) < len(chosen):
            raise InvalidValue(f"the positions must be different, got {chosen}")
        if self._items and len(chosen) != self.num_bits:
            raise InvalidValue(f"expected {self.num_bits} positions, one a bit, got {len(chosen)}")
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
            TypeError: As ``Counts`` does for a mapping.
            ValueError: As ``Counts`` does, or if the bitstrings differ in length.
        """
        parts = _of_one_width(self, *others, name="others")
        sums: dict[str, int | float] = {}
        for part in parts:
            for bits, value in part.items():
                sums[bits] = sums.get(bits, 0) + value
        return received_counts(sums)

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
        kept = self
        if qubits is not None:
            chosen = _positions("qubits", qubits, self.num_bits if self._items else None)
            kept = self.marginal([*dict.fromkeys(chosen)])
        strange = next((bits for bits in kept if bits.strip("01")), None)
        if strange is not None:
            raise InvalidValue(f"parity needs bitstrings of 0 and 1, got {strange!r}")
        signed = (-v if bits.count("1") % 2 else v for bits, v in kept.probabilities().items())
        return math.fsum(signed)

    # ---- statistics ------------------------------------------------------------------------

    def interval(self, bits: str | Iterable[str], confidence: float = 0.95) -> tuple[float, float]:
        """The Wilson score interval of the probability of a bitstring, or of any one of several.

        With k of n shots, p = k / n, and z the quantile of the normal distribution at
        (1 + confidence) / 2, it is

            (p + z²/2n ± z √(p (1 - p) / n + z²/4n²)) / (1 + z²/n)

        (E. B. Wilson, Journal of the American Statistical Association 22, 209, 1927; without a
        correction for continuity). Its lower end is exactly 0.0 if k = 0, its upper end exactly 1.0
        if k = n.

        The confidence is that of one interval. The 95 % intervals of many outcomes do not all hold
        at once: of 16 equally likely outcomes and 1,000 shots they do in 45 % of all experiments.

        >>> low, high = Counts({"00": 507, "11": 493}).interval("00")
        >>> f"{low:.3f} to {high:.3f}"
        '0.476 to 0.538'

        Args:
            bits: A bitstring, or several, whose counts are added up; a bitstring that was not
                measured counts as 0, and one that occurs twice counts once.
            confidence: How often such an interval contains the probability; > 0 and < 1.

        Raises:
            TypeError: If ``bits`` or ``confidence`` has the wrong type.
            ValueError: If a count is negative or fractional; if the counts add up to 0; if a
                bitstring does not fit the others; if ``confidence`` is out of range.
        """
        from statistics import NormalDist  # takes longer to import than this whole module

        outside = (1 - _confidence(confidence)) / 2
        shots = self._whole_shots()
        hits = sum(int(self._items.get(each, 0)) for each in self._outcomes(bits))
        z = -NormalDist().inv_cdf(outside)
        p, z2_n = hits / shots, z * z * (1 / shots)
        center, half = p + z2_n / 2, math.sqrt(z2_n * (p * (1 - p) + z2_n / 4))
        low = 0.0 if hits == 0 else (center - half) / (1 + z2_n)
        high = 1.0 if hits == shots else (center + half) / (1 + z2_n)
        return low, high

    def _whole_shots(self) -> int:
        for bits, value in self._items.items():
            if value < 0 or value != int(value):
                raise InvalidValue(
                    "an interval needs numbers of shots, whole and >= 0, got "
                    f"{shown(value)} for {bits!r}"
                )
        shots = sum(map(int, self._items.values()))
        if not shots:
            raise InvalidValue("an interval needs at least one shot: the counts add up to 0")
        return shots

    def _outcomes(self, bits: str | Iterable[str]) -> set[str]:
        chosen = [bits] if isinstance(bits, str) else bits
        check_iterable("bitstrings", bits=chosen)
        chosen = list(chosen)
        for each in chosen:
            if not isinstance(each, str):
                raise TypeError(f"a bitstring must be a string, got {shown(each)}")
            if each in self._items:
                continue
            if each.strip("01") or len(each) != self.num_bits:
                raise InvalidValue(f"{each!r} is not a bitstring of {self.num_bits} bits")
        return set(chosen)

    def total_variation_distance(self, other: Mapping[str, float]) -> float:
        """The total variation distance of two distributions: 0 if equal, 1 if disjoint.

        It is ``½ Σ |p - q|`` over all bitstrings, with both normalized to add up to 1: the most by
        which the probabilities of any event differ (D. A. Levin, Y. Peres, E. L. Wilmer, Markov
        Chains and Mixing Times, 2nd ed., proposition 4.2).

        Two samples of one distribution are not at distance 0: two of 1,000 shots each, from 256
        equally likely outcomes, are at about 0.28.

        >>> Counts({"0": 3, "1": 1}).total_variation_distance({"0": 0.5, "1": 0.5})
        0.25

        Args:
            other: Counts, or weights or probabilities, by bitstring.

        Raises:
            TypeError: As ``Counts`` does for a mapping.
            ValueError: As ``Counts`` does; if a weight is negative; if the weights of either add up
                to 0; if the bitstrings differ in length.
        """
        p, q = map(_distribution, _of_one_width(self, other))
        gaps = (abs(p.get(bits, 0.0) - q.get(bits, 0.0)) for bits in p.keys() | q.keys())
        return min(1.0, 0.5 * math.fsum(gaps))

    def hellinger_fidelity(self, other: Mapping[str, float]) -> float:
        """The Hellinger fidelity of two distributions: 1 if equal, 0 if disjoint.

        It is ``(Σ √(p q))²`` over all bitstrings, with both normalized to add up to 1, which is
        ``(1 - H²)²`` for the Hellinger distance H; the same as the function of this name in
        ``qiskit.quantum_info``.

        Two samples of one distribution have a fidelity below 1: for two of 1,000 shots each, from
        256 equally likely outcomes, it is about 0.85.

        >>> Counts({"0": 1, "1": 3}).hellinger_fidelity({"0": 1.0})
        0.25

        The argument and the errors are those of ``total_variation_distance``.
        """
        p, q = map(_distribution, _of_one_width(self, other))
        return min(1.0, math.fsum(math.sqrt(p[b]) * math.sqrt(q[b]) for b in p.keys() & q) ** 2)

    def __repr__(self) -> str:
        first = itertools.islice(self._items.items(), _SHOWN)
        parts = [f"{shown(bits, _SHOWN_BITS)}: {shown(value)}" for bits, value in first]
        parts += [f"… {len(self)} outcomes"] if len(self) > _SHOWN else []
        return f"Counts({{{', '.join(parts)}}})"

    def _repr_html_(self) -> str:
        largest = display.most_common(self, display.MAX_ROWS)
        try:
            total = self.shots
            shares = [value / total for _, value in largest]
        except (ArithmeticError, ValueError):  # sums beyond all floats, or of 0
            shares = [0.0 for _ in largest]
        longest = max(shares, default=0.0)
        bars = [display.bar(share / longest) if share > 0 else "" for share in shares]
        rows = [
            (display.code(bits, 60), value, f"{share:.2%}", bar)
            for (bits, value), share, bar in zip(largest, shares, bars, strict=True)
        ]
        table = display.table(["bitstring", "count", "share", ""], rows, len(self))
        return display.card("Counts", display.plural(len(self), "outcome"), None, table)


def received_counts(items: dict[Any, Any]) -> Counts:
    """``Counts`` as a server sends them: of any strings and any finite numbers.

    The dict is not copied, so nothing else may change it. Raises a ``TypeError`` or ``ValueError``
    for what is not even that.
    """
    return adopt(Counts, _plain(items))


def _plain(items: dict[Any, Any]) -> dict[str, int | float]:
    """Items of strings and finite ints and floats; the same dict if they are such already."""
    if not set(map(type, items)) <= {str}:
        items = {_string(bits): value for bits, value in items.items()}
    kinds = set(map(type, items.values()))
    if not kinds <= _NUMBERS:
        items = {bits: _number(bits, value) for bits, value in items.items()}
    if kinds != {int} and not _all_finite(items.values()):
        bits, value = next((b, v) for b, v in items.items() if not _all_finite([v]))
        got = shown(value)
        raise InvalidValue(f"the count of {bits!r} must be a finite float or int, got {got}")
    if not all(map(str.isascii, items)) and not all(map(is_unicode, items)):
        raise InvalidValue("a bitstring has a lone surrogate, which UTF-8 cannot encode")
    return items


def _hint(key: str) -> str:
    if key.replace(" ", "").strip("01") == "":
        return ": remove the spaces"
    if key.startswith("0x"):
        return ": write hexadecimal outcomes in binary, with leading zeros"
    return ""


def _confidence(value: Any) -> float:
    if not isinstance(value, Real):
        raise TypeError(f"confidence must be a number > 0 and < 1, got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not 0 < number < 1:
        raise InvalidValue(f"confidence must be > 0 and < 1, got {shown(value)}")
    return number


def _of_one_width(*parts: Mapping[str, int | float], name: str = "other") -> list[Counts]:
    for part in parts:
        check_type(Mapping, **{name: part})
    counts = [each if isinstance(each, Counts) else Counts(each) for each in parts]
    widths = {each.num_bits for each in counts if each}
    if len(widths) > 1:
        names = " and ".join(map(str, sorted(widths)))
        raise InvalidValue(f"counts of {names} bits cannot be combined or compared")
    return counts


def _distribution(counts: Counts) -> dict[str, float]:
    """The counts divided by their sum; they must be a distribution."""
    for bits, value in counts.items():
        if value < 0:
            raise InvalidValue(f"weights must be >= 0 to be compared, got {value} for {bits!r}")
    return dict(counts.probabilities())


def _total(values: Collection[int | float]) -> int | float:
    total = sum(values)
    # Marginals of marginals change the order of the values; fsum does not depend on it.
    if type(total) is int:
        return total
    try:
        return math.fsum(values)
    except OverflowError:
        raise InvalidValue("the counts add up to more than any float") from None


def _all_finite(values: Iterable[int | float]) -> bool:
    try:
        return all(map(math.isfinite, values))
    except OverflowError:  # an int that is larger than any float
        return False


def _number(bits: str, value: object) -> int | float:
    # NumPy's numbers are registered with these classes, its booleans are not.
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"the count of {bits!r} must be a number, got {shown(value)}")
    return int(value) if isinstance(value, Integral) else float(value)


def _string(bits: object) -> str:
    if not isinstance(bits, str):
        raise TypeError(f"a bitstring must be a string, got {shown(bits)}")
    return str.__str__(bits)  # of NumPy's strings, for one


def _positions(name: str, qubits: Iterable[Any], width: int | None) -> list[int]:
    check_iterable("positions", **{name: qubits})
    places = []
    for value in qubits:
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"a position must be an int, got {shown(value)}")
        place = int(value)
        if place < 0 or (width is not None and place >= width):
            raise InvalidValue(f"a position must be >= 0 and < {width or 0}, got {shown(place)}")
        places.append(place)
    return places
