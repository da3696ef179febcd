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


IN_SPEED = {
    "polls of 1,000 jobs in a round": "requests of a round of 1,000 jobs",
    "time to decode a response, relative": "decoded, complete: official ÷ ours",
    "memory of one job of 100 circuits": "S2: kept: official ÷ ours",
    "processor time of a wait for 1,000 jobs": "the same: the official client, by hand, 150 ids",
}
"""The rows that link to the page on speed, and the lines there that they are about."""


def cells(line):
    return [each.strip() for each in line.strip().strip("|").split("|")]


def numbers(text):
    """Each number in a string, and its decimals."""
    found = re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?", text)
    return [(float(each.replace(",", "")), len(each.partition(".")[2])) for each in found]


def unsupported(cell, measured):
    """The numbers in a cell that are none of those measured, not even rounded."""
    known = [number for number, _ in numbers(measured)]
    return [n for n, places in numbers(cell) if n not in {round(each, places) for each in known}]


def measured_in(row):
    """What the row's page of measurements says: in all, of this library, of the official client."""
    if numbered := re.search(r"\{doc\}`reliability`, row (\d+)", row):
        page = (DOCS / "reliability.md").read_text()
        (line,) = re.findall(rf"^\| {numbered[1]} \| .*", page, re.MULTILINE)
        _, what, bar, ours, theirs = cells(line)
        return f"{what} {bar} {ours} {theirs}", f"{what} {ours}", f"{what} {theirs}"
    (name,) = (line for start, line in IN_SPEED.items() if cells(row)[0].startswith(start))
    lines = [each for each in (DOCS / "speed.md").read_text().splitlines() if name in each]
    figures = [cells(each)[3].split()[0] for each in lines]
    figures = [min(figures, key=float), max(figures, key=float)]
    what, ours, theirs, *_ = cells(lines[0])
    # Figures are relative to this library, which is 1.
    return cells(row)[0], f"{ours} 1", " ".join([what, theirs, *figures])


def test_each_figure_is_that_of_its_page_of_measurements():
    """Where the page is measured anew, the row fails until it says the same, if rounded."""
    page = (DOCS / "compared-with.md").read_text()
    rows = [each for each in page.splitlines() if re.search(r"\{doc\}`(reliability|speed)`", each)]
    rows = [each for each in rows if len(cells(each)) == 4]
    assert len(rows) >= 12
    for row in rows:
        for cell, measured in zip(cells(row)[:3], measured_in(row), strict=True):
            assert not unsupported(cell, measured), row


def test_a_figure_that_has_gone_stale_is_found():
    assert not unsupported("11 s, 1.2 of 10,000", "11.38 s, 10,000, 1.21")
    assert unsupported("12 s, 1.2 of 10,001", "11.38 s, 10,000, 1.21") == [12, 10_001]


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
