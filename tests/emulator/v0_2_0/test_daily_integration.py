"""The official daily integration tests, unmodified, at the clients' default version.

They come inside the wheels of cirq-superstaq and qiskit-superstaq, and are meant for the service.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import cirq_superstaq
import pytest
import qiskit_superstaq

from superstaq_jobs.emulator import OFFICIAL_TARGETS, Emulator, Simulator

pytestmark = pytest.mark.official

PULSES = "the emulator does not write pulse gates"
QUBO = "the emulator does not solve QUBOs"
SUPERCHEQ = "the emulator does not generate Supercheq circuits"
JAQAL = "the emulator does not write Jaqal"
ANGLES = "compares gates one by one: an H gate is compiled with angles of -pi/2 instead of pi/2"
SKIPPED = "skipped by its authors, until the service is fixed"

FAILING = {
    cirq_superstaq: {
        "test_ibmq_compile": PULSES,
        "test_ibmq_compile_with_token": PULSES,
        "test_qscout_compile": JAQAL,
        "test_supercheq": SUPERCHEQ,
        "test_submit_qubo": QUBO,
    },
    qiskit_superstaq: {
        "test_ibmq_compile": PULSES,
        "test_ibmq_compile_with_token": PULSES,
        "test_aqt_compile": ANGLES,
        "test_supercheq": SUPERCHEQ,
        "test_submit_qubo": QUBO,
    },
}
"""The tests that fail, each with its reason. All others pass."""

PASSING = {cirq_superstaq: 15, qiskit_superstaq: 17}


@pytest.mark.parametrize("package", FAILING, ids=lambda package: package.__name__)
def test_the_official_tests_pass(package: ModuleType, simulator: Simulator, tmp_path: Path):
    assert package.__file__ is not None
    file = Path(package.__file__).with_name("daily_integration_test.py")
    report = tmp_path / "report.xml"
    with Emulator(targets=OFFICIAL_TARGETS, step_seconds=0, simulator=simulator) as server:
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line"),
                # Without the configuration of this repository.
                *("-c", os.devnull, "--rootdir", str(tmp_path)),
                *(f"--junit-xml={report}", str(file)),
            ],
            env=os.environ
            | {
                "SUPERSTAQ_API_KEY": server.api_key,
                "SUPERSTAQ_REMOTE_HOST": server.url,
                "TEST_USER_IBMQ_TOKEN": "a token",
                "TEST_USER_IBMQ_INSTANCE": "an instance",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )
    outcomes = {"passed": set(), "failed": set(), "skipped": set()}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own pytest wrote it
        kinds = {child.tag for child in case}
        outcome = "skipped" if "skipped" in kinds else "failed" if kinds else "passed"
        outcomes[outcome].add(case.get("name"))
    assert outcomes["failed"] == set(FAILING[package]), ran.stdout
    assert outcomes["skipped"] == {"test_aqt_compile_eca_regression"}, SKIPPED
    assert len(outcomes["passed"]) == PASSING[package]
