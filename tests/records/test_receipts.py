"""Receipts and other responses: every problem is named."""

from __future__ import annotations

import attrs
import pytest

from superstaq_jobs.errors import InvalidValue
from superstaq_jobs.records import receipts


@pytest.mark.parametrize("name", receipts.__all__)
def test_every_problem_is_named_at_once(name):
    kind = getattr(receipts, name)
    wrong = {field.name: object() for field in attrs.fields(kind)}
    with pytest.raises(InvalidValue, match=f"{name} cannot be made") as caught:
        kind(**wrong)
    assert [problem.where for problem in caught.value.problems] == list(wrong)


@pytest.mark.parametrize(
    ("balance", "what"),
    [
        (True, "expected a number, got True"),
        ("3", "expected a number, got '3'"),
        (float("nan"), "must be a finite number, got nan"),
    ],
)
def test_a_balance_is_a_finite_number(balance, what):
    with pytest.raises(InvalidValue, match=f"balance: {what}"):
        receipts.AccountBalance(email="ada@example.com", balance=balance)


def test_ids_of_a_receipt_are_kept_as_they_are():
    assert receipts.CancelReceipt(cancelled=["x"]).cancelled == ("x",)
    with pytest.raises(InvalidValue, match=r"\[1\] must be a job's id, got 3"):
        receipts.CancelReceipt(cancelled=["x", 3])
    with pytest.raises(InvalidValue, match="num_circuits: must be >= 0, got -1"):
        receipts.SubmitReceipt(job_id="6f3c4a52-7a39-4b0e-9c56-0d4fb2a1c3de", num_circuits=-1)
