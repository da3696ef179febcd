"""``st.from_type`` knows the records, in every project that has the library installed."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import os
import subprocess
import sys
import textwrap
from collections.abc import Hashable, Mapping
from importlib.metadata import entry_points
from uuid import UUID

import attrs
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.vendor import pretty
from worlds import job

import superstaq_jobs as sj
from superstaq_jobs import testing
from superstaq_jobs.testing import hypothesis_plugin
from superstaq_jobs.testing import strategies as sts

NO_VALUES = {"Problem", "SystemClock", "HttpTransport", "ProgressBar"}
"""Public attrs classes that are not records: a part of an error, and live objects."""


@pytest.fixture(scope="module", autouse=True)
def _registered():
    hypothesis_plugin.register()  # as Hypothesis does where it finds the entry point


def records():
    named = {name: getattr(sj, name) for name in sj.__all__} | {"Fault": testing.Fault}
    return [
        thing
        for name, thing in named.items()
        if inspect.isclass(thing) and attrs.has(thing) and name not in NO_VALUES
    ]


def test_every_record_has_a_strategy_and_every_strategy_a_record():
    registered = {name for module in hypothesis_plugin.STRATEGIES.values() for name in module}
    assert registered == {kind.__name__ for kind in records()} | {"Counts", "JsonMapping"}
    strategies = {
        name for module in hypothesis_plugin.STRATEGIES.values() for name in module.values()
    }
    assert strategies <= set(sts.__all__)


@pytest.mark.parametrize("kind", [*records(), sj.Counts, sj.JsonMapping])
@settings(max_examples=30)
@given(st.data())
def test_a_record_is_drawn_from_its_type(kind, data):
    value = data.draw(st.from_type(kind))
    assert type(value) is kind
    assert value == data.draw(st.just(value))
    assert hash(value) == hash(attrs.evolve(value) if attrs.has(kind) else kind(value))


@pytest.mark.parametrize(
    "kind",
    [thing for thing in vars(sj.records.status).values() if isinstance(thing, enum.EnumMeta)],
)
@given(st.data())
def test_an_enum_needs_no_help(kind, data):
    assert isinstance(data.draw(st.from_type(kind)), kind)


@pytest.mark.parametrize("requested", [object, Mapping, Hashable])
def test_other_types_are_not_drawn_as_records(requested):
    kinds = set()

    @settings(max_examples=300, database=None, phases=[Phase.generate])
    @given(st.from_type(requested))
    def collect(value):
        kinds.add(type(value).__module__)

    collect()
    assert kinds
    assert not [module for module in kinds if module.startswith("superstaq_jobs")]


@given(st.builds(dict, snapshot=st.from_type(sj.JobSnapshot), counts=st.from_type(sj.Counts)))
def test_builds_infers_records_from_types(built):
    assert isinstance(built["snapshot"], sj.JobSnapshot)


# ---- what Hypothesis prints ----------------------------------------------------------------------


@given(st.data())
def test_a_printed_record_evaluates_to_an_equal_one(data):
    kinds = [kind for kind in records() if kind is not sj.Request]  # its key does not print
    value = data.draw(st.from_type(data.draw(st.sampled_from(kinds))))
    names = {**vars(sj), "Fault": testing.Fault, "datetime": dt, "UUID": UUID}
    assert eval(pretty.pretty(value), names) == value  # noqa: S307


def test_what_a_repr_leaves_out_is_printed():
    counts = sj.Counts({format(n, "08b"): n for n in range(200)})
    snapshot = job("completed").with_counts(0, counts)
    changes = sj.diff(job("completed"), snapshot)
    for value in (counts, snapshot, changes):
        assert len(repr(value)) < 400
        assert "'11000111': 199" in pretty.pretty(value)


def test_default_values_are_not_printed():
    assert pretty.pretty(sj.RetryPolicy(budget=3)) == "RetryPolicy(budget=3)"
    shown = pretty.pretty(job("completed"))
    assert "compiled_circuit" not in shown
    assert "dry_run" not in shown
    assert "status_text='completed'" in shown
    assert "job_type='simulate'" in shown


# ---- in another project --------------------------------------------------------------------------


def run(directory, script, **environment):
    """The output of a program of another project, with only this library installed."""
    path = directory / "program.py"
    path.write_text(textwrap.dedent(script))
    return subprocess.run(
        [sys.executable, path],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()


def test_the_entry_point_is_installed():
    (entry,) = entry_points(group="hypothesis", name="superstaq_jobs")
    assert entry.load() is hypothesis_plugin.register


def test_a_project_that_imports_only_hypothesis_and_the_records(tmp_path):
    script = """
        from hypothesis import find, strategies as st
        from superstaq_jobs import JobSnapshot
        print(find(st.from_type(JobSnapshot), lambda s: s.completed).status)
    """
    assert run(tmp_path, script) == ["completed"]


def test_a_project_without_hypothesis_does_not_load_it(tmp_path):
    script = """
        import sys, superstaq_jobs, superstaq_jobs.testing, superstaq_jobs.testing.hypothesis_plugin
        print("hypothesis" in sys.modules)
    """
    assert run(tmp_path, script) == ["False"]


def test_hypothesis_alone_loads_neither_strategies_nor_sockets(tmp_path):
    script = """
        import sys, hypothesis
        print("superstaq_jobs.records" in sys.modules)
        print(any(name in sys.modules for name in ["superstaq_jobs.testing.strategies",
                                                   "superstaq_jobs.testing.fakes"]))
    """
    assert run(tmp_path, script) == ["True", "False"]
