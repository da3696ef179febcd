"""The enums, against the official ones."""

from __future__ import annotations

import pytest
from general_superstaq import models

from superstaq_jobs.records import status


@pytest.mark.parametrize("name", ["CircuitType", "JobType", "SimMethod"])
def test_the_members_are_the_official_ones(name):
    ours = {member.name: member.value for member in getattr(status, name)}
    theirs = {member.name: member.value for member in getattr(models, name)}
    assert ours == theirs


def test_a_member_equals_its_value():
    assert status.JobType.SUBMIT == "submit"
    assert f"{status.SimMethod.NOISE_SIM}" == "noise-sim"
