"""The public API is as it was written down, and what was stored once can still be read.

If a test here fails since you changed the API: add a fragment to ``docs/changelog.d/``, and run
``python tests/api/write.py`` with its name. A pickle or a body that cannot be read any more is a
fault, whatever the changelog says.
"""

from __future__ import annotations

import base64
import inspect
import json
import pickle

import pytest
import write
from examples import EXAMPLES, JOBS, NOT_PICKLED
from surface import lines, names_in
from worlds import KEY, in_full

import superstaq_jobs as sj

KEPT = sorted(write.KEPT.glob("*.json"))
PICKLES = {
    f"{name} of {path.stem}": (name, base64.b64decode(data))
    for path in KEPT
    for name, data in json.loads(path.read_text())["pickles"].items()
}


def test_the_api_is_as_it_was_written_down():
    before, _ = write.read()
    after = lines()
    differs = "\n".join([f"- {e}" for e in before if e not in after])
    differs += "\n".join(["", *(f"+ {e}" for e in after if e not in before)])
    assert before == after, (
        f"the public API has changed:\n{differs}\nAdd a fragment to docs/changelog.d, and run: "
        "python tests/api/write.py <its name>"
    )


def test_every_change_of_the_api_has_an_entry_in_the_changelog():
    written, history = write.read()
    assert history[-1].split()[1] == write.digest(written), "written by hand, not by write.py"
    for number, line in enumerate(history):
        said = line.partition(write.MARK)[2]
        if number == 0 and said.startswith("release "):
            assert said.removeprefix("release ") in write.CHANGELOG.read_text()
        elif number == 0:
            assert said == write.FIRST
        else:
            assert all((write.FRAGMENTS / name).is_file() for name in said.split())


def test_a_name_that_changed_must_be_mentioned():
    before = ["superstaq_jobs.Counts: x", "superstaq_jobs.query_jobs: def ()"]
    after = ["superstaq_jobs.Counts: x", "superstaq_jobs.query_jobs: def (limit)"]
    assert write.unexplained(before, after, "`query_jobs` takes a `limit`.") == []
    assert write.unexplained(before, after, "") == ["query_jobs"]
    assert write.unexplained(before[1:], after, "`query_jobs` takes a `limit`.") == ["Counts"]
    assert names_in(["superstaq_jobs.tables.to_rows: x"]) == {"to_rows"}


def test_there_is_an_example_of_every_class_that_can_be_pickled():
    classes = {name for name in sj.__all__ if inspect.isclass(getattr(sj, name))}
    made = {type(value).__name__ for value in EXAMPLES.values()}
    assert classes - made == NOT_PICKLED.keys()
    assert {name for path in KEPT for name in json.loads(path.read_text())["pickles"]} >= (
        EXAMPLES.keys()
    )


@pytest.mark.parametrize("of", PICKLES)
def test_a_pickle_of_every_version_is_read(of, monkeypatch):
    monkeypatch.setenv("SUPERSTAQ_API_KEY", KEY)
    name, data = PICKLES[of]
    value, expected = pickle.loads(data), EXAMPLES[name]
    assert type(value) is type(expected)
    if isinstance(expected, Exception):  # equal to itself only
        assert str(value) == str(expected)
        assert vars(value).keys() == vars(expected).keys()
    elif isinstance(expected, sj.JobHandle):
        assert value == expected
        assert value.latest == expected.latest
        assert value.client.remote_host == expected.client.remote_host
    else:
        assert value == expected
        assert in_full(value) == in_full(expected)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
@pytest.mark.parametrize("version", JOBS)
def test_the_bodies_of_every_version_are_read(path, version):
    body = json.loads(path.read_text())["bodies"][version].encode()
    ids = [each.job_id for each in JOBS[version]]
    found = sj.decode_jobs(body, api_version=version, job_ids=ids)
    for snapshot, expected in zip(found, JOBS[version], strict=True):
        assert snapshot == expected
        assert snapshot.digest == expected.digest


def test_nothing_that_is_kept_holds_a_key():
    for _, data in PICKLES.values():
        assert KEY.encode() not in data
        assert b"a-token-of-a-provider" not in data
