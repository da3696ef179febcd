"""Strategies where nothing is cached yet: in a fresh checkout, as in most CI.

Users have Hypothesis's own health checks, which the profiles of these tests relax.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, tempfile
os.chdir(tempfile.mkdtemp(dir="."))
from hypothesis import given, settings, strategies as st
from superstaq_jobs.testing import strategies as sts

# What Hypothesis itself prepares once does not depend on the strategy.
settings(max_examples=10)(given(st.integers())(lambda _: None))()
for name in sts.__all__:
    if name.islower():
        if not os.fork():
            try:
                settings(max_examples=10)(given(getattr(sts, name)())(lambda _: None))()
            except BaseException as error:
                print(name, type(error).__name__, str(error)[:100])
            os._exit(0)
        os.wait()
print("done")
"""


@pytest.mark.skipif(not hasattr(sys.modules["os"], "fork"), reason="needs fork")
def test_the_first_draw_of_every_strategy_passes_the_health_checks(tmp_path):
    done = subprocess.run(
        [sys.executable, "-u", "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout == "done\n"
