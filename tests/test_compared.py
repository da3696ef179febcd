"""What the page "Compared with" says of the official client, where no benchmark measures it."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import re
from pathlib import Path

import attrs
import cirq_superstaq
import general_superstaq
import pytest
import qiskit
import qiskit_superstaq
from general_superstaq import job as official_job
from general_superstaq import models, superstaq_client
from worlds import job

DOCS = Path(__file__).resolve().parent.parent / "docs"
pytestmark = pytest.mark.official


def test_each_row_names_a_test_that_exists_or_a_page_of_measurements():
    page, _ = (DOCS / "compared-with.md").read_text().split("## Clients of other services")
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    backed = [row for row in rows if "backed by" not in row and "---" not in row]
    assert len(backed) > 20
    for row in backed:
        judges = re.findall(r"\{download\}`(\w+) <([^>]+)>`", row)
        measured = re.findall(r"\{doc\}`(reliability|speed)`", row)
        assert judges or measured, row
        for name, path in judges:
            tree = ast.parse((DOCS / path).read_text())
            assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        for number in re.findall(r"\{doc\}`reliability`, row (\d+)", row):
            assert f"\n| {number} | " in (DOCS / "reliability.md").read_text()


def test_the_official_client_verifies_the_certificates_of_the_service_only():
    for host, verifies in (("https://superstaq.infleqtion.com", True), ("https://other", False)):
        client = superstaq_client._SuperstaqClient(
            client_name="test", remote_host=host, api_key="key", api_version="v0.2.0"
        )
        assert client.verify_https is verifies


def test_what_was_read_can_be_edited_in_the_official_client_only():
    snapshot = job("completed")
    theirs = models.JobData(**snapshot.to_dict())
    theirs.statuses[0] = models.CircuitStatus.FAILED
    assert theirs.statuses[0] != snapshot.statuses[0]
    with pytest.raises(TypeError):
        snapshot.statuses[0] = "failed"
    with pytest.raises(attrs.exceptions.FrozenError):
        snapshot.circuits[0].status_text = "failed"


def test_the_official_client_has_no_coroutines():
    for kind in (official_job.Job, cirq_superstaq.Job, qiskit_superstaq.SuperstaqJob):
        members = inspect.getmembers(kind, inspect.isfunction)
        assert members
        assert not [name for name, member in members if inspect.iscoroutinefunction(member)]


def test_what_only_the_official_client_has():
    for name in ("submit_qubo", "ibmq_compile", "supercheq", "resource_estimate"):
        assert callable(getattr(cirq_superstaq.Service, name))


def test_only_the_official_client_has_a_backend_of_qiskit():
    assert issubclass(qiskit_superstaq.SuperstaqBackend, qiskit.providers.BackendV2)


def test_the_official_client_runs_on_older_pythons():
    needs = {
        name: importlib.metadata.metadata(name)["Requires-Python"]
        for name in (general_superstaq.__name__.replace("_", "-"), "superstaq_jobs")
    }
    assert needs == {"general-superstaq": ">=3.9.0", "superstaq_jobs": ">=3.11"}
