"""Changes: examples; the laws are in property/."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import find
from worlds import in_full

from superstaq_jobs.records import CircuitChange, FieldChange, JobDiff, diff
from superstaq_jobs.records.changes import share_strings
from superstaq_jobs.testing import strategies as sts

BASE = find(sts.job_snapshots(num_circuits=2), lambda s: not s.tags and not s.short_lists)


def test_a_change_of_a_field_and_of_a_circuit():
    after = attrs.evolve(BASE, tags=["new"]).with_counts(1, {"0": 7})
    changes = diff(BASE, after)
    assert changes == JobDiff(
        circuits=(CircuitChange(1, BASE.circuits[1], after.circuits[1]),),
        fields=(FieldChange("tags", (), ("new",)),),
    )
    assert changes


def test_circuits_that_come_and_go():
    fewer = attrs.evolve(BASE, circuits=BASE.circuits[:1])
    (gone,) = diff(BASE, fewer).circuits
    assert (gone.index, gone.before, gone.after) == (1, BASE.circuits[1], None)
    (come,) = diff(fewer, BASE).circuits
    assert (come.index, come.before, come.after) == (1, None, BASE.circuits[1])
    assert diff(BASE, fewer).apply(BASE) == fewer
    with pytest.raises(ValueError, match=str(BASE.job_id)):
        diff(fewer, BASE).apply(BASE)


def test_a_difference_is_a_value():
    after = attrs.evolve(BASE, tags=["new"])
    assert hash(diff(BASE, after)) == hash(diff(BASE, after))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        diff(BASE, after).fields = ()


def test_equal_counts_that_are_written_otherwise_are_not_put_in_each_others_place():
    before = BASE.with_counts(0, {"0": 1, "1": 2.0})
    after = BASE.with_counts(0, {"1": 2, "0": 1})
    written = in_full(after)
    share_strings(before, after)
    assert in_full(after) == written


def test_nor_is_what_an_old_server_said_besides():
    def with_extra(extra):
        return attrs.evolve(BASE, circuits=[attrs.evolve(BASE.circuits[0], extra=extra)])

    before, after = with_extra({"depth": 1, "gates": [2]}), with_extra({"depth": 1.0, "gates": [2]})
    assert before == after
    written = in_full(after)
    share_strings(before, after)
    assert in_full(after) == written


@pytest.mark.parametrize("place", [0, 8, 99])
def test_nor_are_those_of_many_outcomes(place):
    counts = {format(n, "07b"): n + 1 for n in range(100)}
    otherwise = {bits: float(n) if n == place + 1 else n for bits, n in counts.items()}
    before, after = BASE.with_counts(0, counts), BASE.with_counts(0, otherwise)
    written = in_full(after)
    share_strings(before, after)
    assert in_full(after) == written
