"""The example project's tests, run on the project as it is and with bugs planted into it.

The page shows the reports. The build of the docs fails if the tests do not find the bugs.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

PROJECT: Final = Path(__file__).resolve().parent / "example_pipeline"

SOURCES: Final = (Path(__file__), *sorted(PROJECT.rglob("*.py")))
"""The files that the reports depend on."""


class Bug(NamedTuple):
    """Lines of a module, their replacement, and the test that must find the bug."""

    module: str
    right: str
    wrong: str
    finder: str
    shown: str
    """A pattern for the example that Hypothesis prints."""

    shrunk: Mapping[str, int]
    """How often some strings are in the example once it is as small as it can be."""

    def planted(self) -> str:
        """The source of the module with the bug in it."""
        source = (PROJECT / self.module).read_text()
        if source.count(self.right) != 1:
            raise RuntimeError(f"{self.module} no longer contains the lines that the bug replaces")
        return source.replace(self.right, self.wrong)


MIXED_UP: Final = Bug(
    module="calibration/readout.py",
    right="""\
    measured = [
        (qubit, circuit.counts)
        for qubit, circuit in zip(qubits, snapshot.circuits, strict=True)
        if circuit.counts
    ]
""",
    wrong="""\
    results = [circuit.counts for circuit in snapshot.circuits if circuit.counts]
    measured = zip(qubits, results, strict=False)
""",
    finder="test_each_qubit_gets_the_error_of_its_own_circuit",
    shown=r"^\w+ (?:test case|example): test_each_qubit\w*\($.*?^\)$",
    shrunk={"CircuitSnapshot(": 2, "status_text='completed'": 1},
)
"""If a circuit of a job failed, results are assigned to the wrong qubits."""

SUBMITTED_TWICE: Final = Bug(
    module="calibration/pipeline.py",
    right="""\
            # With a key it is submitted once, even if we are stopped before we store its id.
            receipt = submit_job(
                self.client,
                calibration_job(self.qubits),
                submission_key=f"calibration-{state['run']}",
            )
""",
    wrong="""\
            receipt = submit_job(self.client, calibration_job(self.qubits))
""",
    finder="TestWeeks",
    shown=r"^state = Weeks\(\)$.*?^state\.teardown\(\)$",
    shrunk={"state.begin(": 2, "is_done=True": 1},
)
"""After a lost response, a second job is submitted."""

MOST_LINES: Final = 30
"""The number of lines that an example on the page may have."""


def run(bug: Bug | None = None) -> tuple[int, str]:
    """Run the project's tests on a copy of it; return pytest's exit status and its output.

    Args:
        bug: A bug to plant first; then only the test that must find it is run. None to run all
            tests on the project as it is.
    """
    only = [] if bug is None else ["-k", bug.finder]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "example_pipeline"
        shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        if bug is not None:
            (copy / bug.module).write_text(bug.planted())
        # Without the settings of a surrounding test run, coverage included.
        ours = ("PYTEST_", "HYPOTHESIS_", "COV_", "COVERAGE_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        options = ["-q", "--color=no", "-p", "no:cacheprovider"]
        options += ["--hypothesis-seed=1", "--hypothesis-profile=quick"]
        done = subprocess.run(  # noqa: S603 - this very Python
            [sys.executable, "-m", "pytest", *options, *only],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return done.returncode, done.stdout + done.stderr


def found(bug: Bug) -> str:
    """The smallest failing example that Hypothesis printed.

    Raises:
        RuntimeError: If the test does not find the bug, or if the example is too long to be read.
    """
    status, output = run(bug)
    failure = [line.removeprefix("E") for line in output.splitlines() if line.startswith("E   ")]
    text = textwrap.dedent("\n".join(failure))
    example = re.search(f"(?ms){bug.shown}", text)
    if status != 1 or example is None:
        raise RuntimeError(f"{bug.finder} of the example project missed its bug:\n{output}")
    # A history is a list of snapshots, printed over many lines.
    shown = re.sub(r"(?ms)history=\[.*?^ *fetched_at=.*?\)\]", "history=[…]", example[0])
    is_shrunk = all(shown.count(part) == times for part, times in bug.shrunk.items())
    if not is_shrunk or shown.count("\n") >= MOST_LINES:
        raise RuntimeError(f"the example is longer than it needs to be:\n{shown}")
    return shown


def report(bug: Bug) -> str:
    """A bug as a diff, and the example that was found, as MyST Markdown."""
    source = (PROJECT / bug.module).read_text().splitlines()
    planted = bug.planted().splitlines()
    lines = difflib.unified_diff(source, planted, bug.module, bug.module, lineterm="", n=1)
    return "\n".join(["```diff", *lines, "```", "", "```text", found(bug), "```", ""])


def suite() -> str:
    """The summary that pytest prints for the project as it is, as MyST Markdown.

    Raises:
        RuntimeError: If a test fails, or did not run.
    """
    status, output = run()
    if status != 0 or "4 passed" not in output:
        raise RuntimeError(f"the tests of the example project fail:\n{output}")
    return "```console\n$ python -m pytest\n4 passed\n```\n"


REPORTS: Final[Mapping[str, Callable[[], str]]] = {
    "example-suite": suite,
    "planted-mix-up": partial(report, MIXED_UP),
    "planted-second-job": partial(report, SUBMITTED_TWICE),
}
"""The directives."""
