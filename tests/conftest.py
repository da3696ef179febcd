"""How thoroughly Hypothesis explores: HYPOTHESIS_PROFILE is dev (the default), ci or brief."""

from __future__ import annotations

import gc
import os

from hypothesis import HealthCheck, settings

# A busy machine draws slowly, which says nothing about a test.
_SLOW = [HealthCheck.too_slow]

settings.register_profile(
    "dev", max_examples=100, deadline=None, print_blob=True, suppress_health_check=_SLOW
)
# Where only the interpreter differs from a run that has explored.
settings.register_profile(
    "brief", max_examples=25, deadline=None, print_blob=True, suppress_health_check=_SLOW
)
settings.register_profile(
    "ci", max_examples=60, deadline=None, print_blob=True, suppress_health_check=_SLOW
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_collection_finish() -> None:
    """What has been imported stays: the garbage collector need not search it again and again."""
    gc.collect()
    gc.freeze()
