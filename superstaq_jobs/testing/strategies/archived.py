"""Strategies for what an archive and a lock say: reports, unfinished jobs, entries, differences."""

from __future__ import annotations

from hypothesis import strategies as st

from superstaq_jobs.archive import ArchivedJob, ArchiveReport
from superstaq_jobs.records import CircuitType, diff
from superstaq_jobs.records.problems import Problem
from superstaq_jobs.study import LockDifference, LockEntry, StudyLock

from . import values
from .choices import Choices
from .histories import job_histories
from .snapshots import job_snapshots

__all__ = [
    "archive_reports",
    "archived_jobs",
    "lock_differences",
    "lock_entries",
    "study_locks",
]

_PROBLEMS = (
    Problem("value 3", "its checksum does not agree"),
    Problem("the file", "row 1 missing from index state_job"),
    Problem("job 00000000-0000-0000-0000-0000000000a1", "the number of observations differs"),
)


@st.composite
def archive_reports(draw: st.DrawFn) -> ArchiveReport:
    """What was found when an archive was checked; the numbers are consistent."""
    choices = Choices(draw, 4)
    jobs = choices.below(20)
    states = jobs + (choices.below(20) if jobs else 0)
    return ArchiveReport(
        jobs=jobs,
        states=states,
        observations=states + (choices.below(20) if jobs else 0),
        problems=_PROBLEMS[: choices.below(len(_PROBLEMS) + 1)],
    )


@st.composite
def archived_jobs(draw: st.DrawFn) -> ArchivedJob:
    """Jobs that an archive does not know to be finished; some were never observed."""
    if draw(st.booleans()):
        kind = draw(st.sampled_from(CircuitType))
        return ArchivedJob(job_id=draw(values.job_ids()), circuit_type=kind, latest=None)
    latest = draw(job_snapshots(terminal=False, num_circuits=1))
    return ArchivedJob(job_id=latest.job_id, circuit_type=latest.circuit_type, latest=latest)


def lock_entries() -> st.SearchStrategy[LockEntry]:
    """What a lock says of a snapshot, of either version of the API."""
    return st.one_of(job_snapshots(), job_snapshots(api_version="v0.2.0")).map(LockEntry.of)


def study_locks() -> st.SearchStrategy[StudyLock]:
    """Locks of a few snapshots, of either version of the API."""
    return st.lists(lock_entries(), max_size=3).map(StudyLock)


@st.composite
def lock_differences(draw: st.DrawFn) -> LockDifference:
    """What was locked and is not there; another state of the job may be there."""
    before, after, *_ = draw(job_histories())
    entry = LockEntry.of(before)
    return draw(
        st.sampled_from(
            [
                LockDifference(entry, None, None),
                LockDifference(entry, after, None),
                LockDifference(entry, after, diff(before, after)),
            ]
        )
    )
