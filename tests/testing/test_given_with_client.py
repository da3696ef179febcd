"""The example of the testing page with ``@given`` and a fixture, run as its reader runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "test_given_with_client.py"


def run(folder: Path, program: str) -> str:
    (folder / EXAMPLE.name).write_text(program)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=180, check=False
    )
    return done.stdout


def test_the_example_passes_as_it_is_and_not_without_its_settings(tmp_path: Path):
    program = EXAMPLE.read_text()
    assert "1 passed" in run(tmp_path, program)
    without = program.replace("HealthCheck.function_scoped_fixture", "")
    assert without != program
    assert "function-scoped fixture" in run(tmp_path, without)
