"""A simulator that starts whatever lies beside the user's script, or says why it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator
new = sj.NewJob(target="ss_unconstrained_simulator", circuits="OPENQASM 3.0; qubit q;", shots=5)
with Emulator(step_seconds=0) as server, sj.SuperstaqClient(server.api_key, server.url) as client:
    final = sj.JobHandle.submit(client, new).wait_until_complete(
        timeout_seconds=120, polling_seconds=0.1
    )
    print(final.circuits[0].status, final.circuits[0].status_message)
"""


def outcome(folder: Path, **environment: str) -> str:
    script = folder / "job.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)], env=os.environ | environment, capture_output=True,
        text=True, timeout=180, check=True,
    )  # fmt: skip
    return done.stdout


def test_files_beside_the_script_hide_no_package(tmp_path: Path):
    for name in ("numpy", "psutil", "dill", "qiskit_aer", "sympy", "rustworkx"):
        (tmp_path / f"{name}.py").write_text("print('notes of my own')\n")
    assert outcome(tmp_path) == "completed None\n"


@pytest.mark.parametrize("content", ["raise ZeroDivisionError('in numpy.py')\n", "!\n"])
def test_a_simulator_that_does_not_start_says_why(tmp_path: Path, content: str):
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    (chosen / "numpy.py").write_text(content)
    path = os.pathsep.join([str(chosen), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    said = outcome(tmp_path, PYTHONPATH=path)
    assert said.startswith("failed the simulator stopped")
    assert ("in numpy.py" if "raise" in content else "SyntaxError") in said
