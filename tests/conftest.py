"""How thoroughly Hypothesis explores: HYPOTHESIS_PROFILE is dev (the default), ci or brief."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
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
    "ci", max_examples=75, deadline=None, print_blob=True, suppress_health_check=_SLOW
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(scope="module")
def memory_path() -> Iterator[Path]:
    """A folder in memory, where there is such a thing: a disk takes ten times as long."""
    memory = Path("/dev/shm")  # noqa: S108 - only the folder inside it is used
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
