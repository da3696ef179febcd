"""The fixtures, in test suites of other projects."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import superstaq_jobs
import superstaq_jobs.emulator
from superstaq_jobs.testing import pytest_plugin

# A suite that runs in this process removes the modules that it imported, while `superstaq_jobs`
# keeps names from them: load all of them first, so that none exists twice.
LOADED = [getattr(superstaq_jobs, name) for name in superstaq_jobs.__all__]

pytest_plugins = ["pytester"]

PLUGIN = ["-p", "no:superstaq_jobs", "-p", "superstaq_jobs.testing.pytest_plugin"]
"""The plugin by its module name, so that this works whether or not pytest has loaded it."""


@pytest.fixture
def suite(pytester, monkeypatch):
    """Run the tests of a module in this process; returns how many passed, failed and so on."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "")

    def run(source, *arguments):
        pytester.makepyfile(source)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *PLUGIN, *arguments)

    return run


def test_a_client_on_a_script_and_a_clock(suite):
    suite(
        """
        import superstaq_jobs as sj
        from superstaq_jobs.testing import FakeClock, Fault, json_response

        def test_it(superstaq_client, scripted_transport, fake_clock):
            assert isinstance(fake_clock, FakeClock)
            scripted_transport.extend(
                Fault("hang"), Fault("status", retry_after_seconds=30),
                json_response({"email": "ada@example.com", "balance": 3}),
            )
            assert sj.fetch_balance(superstaq_client).balance == 3
            assert scripted_transport.remaining == 0
            assert fake_clock.sleeps == (0.25, 30.0)
            assert fake_clock.now() > 300  # the hanging one took its time

        def test_each_test_has_its_own(scripted_transport, fake_clock):
            assert scripted_transport.requests == () and fake_clock.now() == 0

        def test_a_script_without_a_client(scripted_transport):
            assert scripted_transport.remaining == 0

        transports = []

        def test_the_client_works_in_either_order(scripted_transport, superstaq_client):
            transports.append(scripted_transport)

        def test_and_is_closed_after_its_test():
            assert transports[0].is_closed
        """
    ).assert_outcomes(passed=5)


def test_a_client_of_the_emulator(suite):
    suite(
        """
        import superstaq_jobs as sj

        BELL = "OPENQASM 3.0; include 'stdgates.inc'; qubit[2] q; h q[0]; cx q[0], q[1];"
        addresses = []

        def test_it(superstaq_client, superstaq_emulator):
            new = sj.NewJob(target="ss_unconstrained_simulator", circuits=[BELL],
                            job_type="simulate", shots=50)
            handle = sj.JobHandle.submit(superstaq_client, new)
            final = handle.wait_until_complete(timeout_seconds=60, polling_seconds=0.05)
            assert set(final.counts(0)) <= {"00", "11"}
            addresses.append(superstaq_emulator.url)

        def test_the_next_test_has_another_one(superstaq_client):
            assert sj.query_jobs(superstaq_client, sj.JobQuery()) == ()
        """
    ).assert_outcomes(passed=2)


def test_a_client_and_an_emulator_on_one_clock(suite):
    suite(
        """
        import superstaq_jobs as sj
        from superstaq_jobs.emulator import Plan

        BELL = "OPENQASM 3.0; include 'stdgates.inc'; qubit[2] q; h q[0]; cx q[0], q[1];"
        NEW = sj.NewJob(target="ss_unconstrained_simulator", circuits=[BELL], shots=50)

        def test_ten_hours(superstaq_client, superstaq_emulator, fake_clock):
            superstaq_emulator.plan(Plan(queue_seconds=36_000))
            handle = sj.JobHandle.submit(superstaq_client, NEW)
            final = handle.wait_until_complete(polling_seconds=3_600)
            assert sum(final.counts(0).values()) == 50
            assert fake_clock.sleeps == (3_600.0,) * 10
            assert final.fetched_at == fake_clock.utcnow()

        def test_an_emulator_alone(superstaq_emulator, fake_clock):
            superstaq_emulator.advance(5)
            assert fake_clock.now() == 5

        def test_a_client_alone(superstaq_client, fake_clock):
            assert superstaq_client.clock is fake_clock

        def test_real_time(superstaq_client, superstaq_emulator):
            assert superstaq_client.clock.now() != 0
            try:
                superstaq_emulator.advance(5)
            except RuntimeError:
                pass
            else:
                raise AssertionError
        """
    ).assert_outcomes(passed=4)


def test_a_missing_package_is_named(suite, monkeypatch):
    for name in [*sys.modules]:
        if name.startswith("superstaq_jobs.emulator"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "qiskit_aer", None)
    result = suite("def test_it(superstaq_client): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*superstaq_emulator needs *pip install*emulator*"])


def test_the_fixtures_are_documented(suite):
    result = suite("", "--fixtures")
    result.stdout.fnmatch_lines(
        ["superstaq_client*", "    A ``SuperstaqClient``, closed after the test.*"]
    )
    assert all(getattr(pytest_plugin, name).__doc__ for name in pytest_plugin.__all__)
    assert "_superstaq_simulator" not in result.stdout.str()


def test_a_project_finds_the_fixtures_automatically(pytester, monkeypatch):
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(
        """
        import sys

        def test_nothing_was_loaded():
            assert "superstaq_jobs.testing.pytest_plugin" in sys.modules
            assert "superstaq_jobs.testing.fakes" not in sys.modules
            assert "superstaq_jobs.emulator" not in sys.modules
            assert "hypothesis" not in sys.modules

        def test_they_are_there(superstaq_client, scripted_transport):
            assert scripted_transport.remaining == 0
        """
    )
    pytester.runpytest_subprocess("-p", "no:cov").assert_outcomes(passed=2)


def test_the_entry_point_is_installed():
    (entry,) = entry_points(group="pytest11", name="superstaq_jobs")
    assert entry.value == pytest_plugin.__name__


def test_importing_the_plugin_imports_pytest_and_nothing_else():
    script = """
import sys, types, pytest
import superstaq_jobs
before = set(sys.modules)
import superstaq_jobs.testing.pytest_plugin
print(*sorted(set(sys.modules) - before))
"""
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert loaded.stdout.split() == [
        "superstaq_jobs.testing",
        "superstaq_jobs.testing.pytest_plugin",
    ]
