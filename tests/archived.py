"""What an archive must say, from the list of all that was recorded in it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from uuid import UUID

import attrs
from hypothesis import strategies as st

import superstaq_jobs as sj
from superstaq_jobs.testing import strategies as sts

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - only folders inside it
"""Where folders are in memory, if there is such a place: a disk takes ten times as long."""

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
NEW_ID = UUID("6f3c4a52-7a39-4b0e-9c56-0d4fb2a1c3de")
OLD_ID = "6f3c4a52-7a39-4b0e-9c56-0d4fb2a1c3de"  # as a server of v0.2.0 may well write it
TWO_IDS = "a1,b2"
ZONES = [
    dt.UTC,
    dt.timezone(dt.timedelta(hours=5, minutes=30)),
    dt.timezone(-dt.timedelta(hours=7)),
]


def api_version(job_id):
    return "v0.3.0" if isinstance(job_id, UUID) else "v0.2.0"


def exactly(snapshot):
    """All that there is to a snapshot, how it is written included."""
    at = snapshot.fetched_at
    version = api_version(snapshot.job_id)
    body = sj.encode_jobs([snapshot], api_version=version)
    offset = None if at is None else at.utcoffset()
    return snapshot, body, snapshot.digest, at, offset, snapshot.source


def order(snapshot):
    """The place of an observation in a history."""
    body = sj.encode_jobs([snapshot], api_version=api_version(snapshot.job_id))
    import hashlib

    job = body[body.index(b":") + 1 : -1] if isinstance(snapshot.job_id, UUID) else body
    source = snapshot.source
    writing = hashlib.sha256(job).hexdigest()
    at = snapshot.fetched_at
    return at, snapshot.digest, writing, source is not None, source or "", at.utcoffset()


def history(observed, job_id, circuit_type=None):
    """Each distinct observation of a job in a format, in order."""
    distinct = {
        order(each): each
        for each in observed
        if each.job_id == job_id and circuit_type in {None, each.circuit_type}
    }
    return [distinct[key] for key in sorted(distinct)]


def written_otherwise(snapshot):
    """An equal snapshot whose counts are written in another order."""
    circuits = [
        c if c.counts is None else attrs.evolve(c, counts=dict(reversed([*c.counts.items()])))
        for c in snapshot.circuits
    ]
    return attrs.evolve(snapshot, circuits=circuits)


@st.composite
def observations(draw, max_size=6):
    """Snapshots of a few jobs of both versions, at a few moments, from a few sources."""
    pool = []
    for job_id in (NEW_ID, OLD_ID, TWO_IDS):
        version = api_version(job_id)
        size = 2 if job_id == TWO_IDS else 1
        kind = "cirq" if version == "v0.2.0" else "qasm"
        states = draw(
            st.lists(
                sts.job_snapshots(
                    job_id=job_id,
                    api_version=version,
                    num_circuits=size,
                    extra=version == "v0.3.0",
                ),
                max_size=3,
            )
        )
        # In one format, as a server gives it; tests of several formats say so.
        states = [attrs.evolve(each, circuit_type=kind) for each in states]
        states += [written_otherwise(each) for each in states[:1]]
        pool += states
    if not pool:
        return []
    observed = st.builds(
        lambda state, minute, zone, source: attrs.evolve(
            state,
            fetched_at=(START + dt.timedelta(minutes=minute)).astimezone(zone),
            source=source,
        ),
        st.sampled_from(pool),
        st.integers(0, 4),
        st.sampled_from(ZONES),
        st.sampled_from([None, "", "https://one.example"]),
    )
    return draw(st.lists(observed, max_size=max_size))
