"""Many small choices from one draw."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shrinking import assert_shrinks

from superstaq_jobs.testing.strategies.choices import Choices, bytes_below


@given(st.data(), st.integers(1, 2**40))
def test_a_choice_is_within_its_limit_and_bytes_run_out(data, limit):
    choices = data.draw(st.composite(lambda draw: Choices(draw, bytes_below(limit)))())
    assert 0 <= choices.below(limit) < limit
    with pytest.raises(IndexError):
        choices.below(limit)


@pytest.mark.parametrize("limit", [2, 256, 257, 1000, 2**20])
def test_every_choice_can_be_taken_and_the_first_is_the_simplest(limit):
    choices = st.composite(lambda draw: Choices(draw, bytes_below(limit)).below(limit))()

    def smallest_is(number):
        def check(choice):
            assert choice == number

        return check

    assert_shrinks(choices, lambda _: True, smallest_is(0))
    assert_shrinks(choices, lambda choice: choice >= limit // 2, smallest_is(limit // 2))
