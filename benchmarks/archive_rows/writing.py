"""How fast an archive records, and how large its file is."""

from __future__ import annotations

import pickle
import sqlite3
import time
from collections.abc import Iterator

import attrs
import orjson

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response

from .shared import NOON, Row, at_minute, best_of, folder, job

__all__ = ["changes", "commits", "digests", "one_record", "polls", "record_all", "sizes"]


def digests(*, quick: bool) -> Iterator[Row]:
    """The digest of a snapshot."""
    for (circuits, outcomes), bar in {(4, 16): 20, (100, 100): 16, (1, 100_000): 22}.items():
        snapshot = job(1, circuits=circuits, outcomes=outcomes)
        body = sj.encode_jobs([snapshot])
        ours, parsed = best_of(
            3 if quick else 9, lambda s=snapshot: s.digest, lambda b=body: orjson.loads(b)
        )
        yield Row(
            f"digest ÷ `orjson.loads` of the same bytes, {circuits} × {outcomes:,}",
            f"≤ {bar}",
            f"{ours / parsed:.1f}",
            ours / parsed <= bar,
        )


def one_record(*, quick: bool) -> Iterator[Row]:
    """One snapshot, on disk when the call returns; and what people do today."""
    number = 40 if quick else 200
    jobs = [job(n) for n in range(number)]
    bodies = [sj.encode_jobs([each]) for each in jobs]
    with folder() as place:
        bare = sqlite3.connect(place / "bare.db", isolation_level=None)
        bare.execute("PRAGMA synchronous=EXTRA")
        bare.execute("CREATE TABLE bodies (id INTEGER PRIMARY KEY, body BLOB)")
        archive = sj.SnapshotArchive(place / "study.db")
        times: dict[str, list[float]] = {"ours": [], "bare": [], "encode": [], "pickle": []}
        for each, body in zip(jobs, bodies, strict=True):
            began = time.perf_counter()
            archive.record(each)
            recorded = time.perf_counter()
            bare.execute("BEGIN IMMEDIATE")
            bare.execute("INSERT INTO bodies (body) VALUES (?)", (body,))
            bare.execute("COMMIT")
            inserted = time.perf_counter()
            sj.encode_jobs([each])
            encoded = time.perf_counter()
            (place / f"{each.job_id}.pickle").write_bytes(pickle.dumps(each))
            pickled = time.perf_counter()
            ends = (began, recorded, inserted, encoded, pickled)
            for name, start, end in zip(times, ends, ends[1:], strict=False):
                times[name].append(end - start)
        archive.close()
        bare.close()
    ours, bare_insert, encode, pickling = (sorted(t)[len(t) // 2] for t in times.values())
    ratio = ours / (1.3 * bare_insert + 5 * encode)
    yield Row(
        "one `record` ÷ (1.3 × one bare insert of the same bytes + 5 × `encode_jobs`)",
        "≤ 1.0",
        f"{ratio:.2f} ({ours * 1e3:.1f} ms; a pickle in a file, which a crash may lose: "
        f"{pickling * 1e3:.2f} ms)",
        ratio <= 1,
    )


def record_all(*, quick: bool) -> Iterator[Row]:
    """Many states in one transaction."""
    number = 200 if quick else 1000
    jobs = [job(n) for n in range(number)]
    best = []
    for _ in range(2 if quick else 4):
        fresh = [attrs.evolve(each) for each in jobs]
        with folder() as place, sj.SnapshotArchive(place / "study.db") as archive:
            began = time.thread_time()
            archive.record_all(fresh)
            recorded = time.thread_time()
            for each in jobs:
                sj.encode_jobs([each])
            best.append((recorded - began) / (time.thread_time() - recorded))
    yield Row(
        f"`record_all` of {number:,} states of 4 circuits ÷ `encode_jobs` of them",
        "≤ 6",
        f"{min(best):.1f}",
        min(best) <= 6,
    )


def changes(*, quick: bool) -> Iterator[Row]:
    """A large job, one of whose circuits has finished since it was recorded last."""
    ends = range(50, 54 if quick else 70)
    jobs = [at_minute(job(1, circuits=100, outcomes=100, done=n, gates=40), n) for n in ends]
    ratios = []
    with folder(in_memory=True) as place, sj.SnapshotArchive(place / "study.db") as archive:
        archive.record(jobs[0])
        for each in jobs[1:]:
            began = time.thread_time()
            archive.record(each)
            recorded = time.thread_time()
            sj.encode_jobs([each])
            ratios.append((recorded - began) / (time.thread_time() - recorded))
    ratio = sorted(ratios)[len(ratios) // 2]
    yield Row(
        "one change of a 100-circuit × 100-outcome job recorded, in memory (a commit on disk is in "
        "the row of one `record`) ÷ `encode_jobs` of it",
        "≤ 5",
        f"{ratio:.1f}",
        ratio <= 5,
    )


class _Counting:
    """An archive's recorder that counts and times its calls."""

    def __init__(self, archive: sj.SnapshotArchive) -> None:
        self._archive = archive
        self.seconds = 0.0
        self.calls = 0

    def record_all(self, snapshots: list[sj.JobSnapshot], /) -> object:
        began = time.perf_counter()
        count = self._archive.record_all(snapshots)
        self.seconds += time.perf_counter() - began
        self.calls += 1
        return count

    def expect(self, job_id: sj.JobId, /, **about: object) -> object:
        return self._archive.expect(job_id, **about)  # type: ignore[arg-type]


def _changes_of(path: object) -> int:
    """SQLite's counter of the transactions that changed a file, in its header."""
    with open(str(path), "rb") as file:  # noqa: PTH123
        file.seek(24)
        return int.from_bytes(file.read(4), "big")


def _client(transport: ScriptedTransport, recorder: _Counting) -> sj.SuperstaqClient:
    return sj.SuperstaqClient(
        "key-of-the-benchmark",
        "https://superstaq.example.com",
        transport=transport,
        clock=FakeClock(),
        recorder=recorder,
    )


def commits(*, quick: bool) -> Iterator[Row]:  # noqa: ARG001 - it is quick
    """A response about as many jobs as one request fetches."""
    jobs = [job(n) for n in range(1, 151)]
    with folder() as place, sj.SnapshotArchive(place / "study.db") as archive:
        recorder = _Counting(archive)
        client = _client(ScriptedTransport([jobs_response(*jobs)]), recorder)
        before = _changes_of(archive.path)
        sj.fetch_jobs(client, [each.job_id for each in jobs])
        made = _changes_of(archive.path) - before
        assert len(archive) == len(jobs)
    yield Row("a response about 150 jobs, all news: commits", "1", str(made), made == 1)


def polls(*, quick: bool) -> Iterator[Row]:
    """Polls of a thousand jobs without news."""
    number = 150 if quick else 1000
    jobs = [job(n, done=2) for n in range(1, number + 1)]
    by_id = {str(each.job_id): jobs_response(each).body[1:-1] for each in jobs}

    def respond(request: sj.Request) -> sj.Response:
        parts = [body for name, body in by_id.items() if name in request.path]
        return sj.Response(status=200, body=b"{%s}" % b",".join(parts))

    with folder() as place, sj.SnapshotArchive(place / "study.db") as archive:
        recorder = _Counting(archive)
        client = _client(ScriptedTransport.from_function(respond), recorder)
        handles = [sj.JobHandle(client, each.job_id) for each in jobs]
        rounds: list[tuple[float, float, int]] = []
        waiting = sj.watch(handles, timeout_seconds=60, polling_seconds=5)
        for _ in range(number):
            next(waiting)  # the first round is news
        first, before = _changes_of(archive.path), recorder.seconds
        began = time.perf_counter()
        for _ in waiting_out(waiting):
            pass
        rounds.append((time.perf_counter() - began, recorder.seconds - before, recorder.calls))
        writes = _changes_of(archive.path) - first
    (whole, recording, _) = rounds[0]
    share = recording / whole
    yield Row(
        f"a poll without news, {number:,} jobs: recording's share of its time; writes",
        "≤ 5 %; 0",
        f"{share:.1%}; {writes}",
        share <= 0.05 and writes == 0,
    )


def waiting_out(waiting: Iterator[object]) -> Iterator[object]:
    """What is left of a wait until it times out."""
    try:
        yield from waiting
    except sj.JobsTimeout:
        return


def sizes(*, quick: bool) -> Iterator[Row]:
    """The file beside the responses that it holds."""
    number = 300 if quick else 10_000
    with folder() as place, sj.SnapshotArchive(place / "polls.db") as archive:
        raw = 0
        for start in range(0, number, 500):
            jobs = [job(n, done=0) for n in range(start, min(start + 500, number))]
            for poll in range(4):
                seen = [at_minute(_done(each, poll), 5 * poll) for each in jobs]
                archive.record_all(seen)
                raw += 5 * sum(len(sj.encode_jobs([each])) for each in seen)  # 20 polls, 4 changes
        what = f"file ÷ raw responses: {number:,} jobs × 20 polls × 4 changes"
        yield _size(archive, raw, what, 0.10)
    with folder() as place, sj.SnapshotArchive(place / "one.db") as archive:
        count = 20 if quick else 100
        seen = [
            at_minute(job(1, circuits=count, outcomes=100, done=n, gates=40), n)
            for n in range(count + 1)
        ]
        archive.record_all(seen)
        raw = sum(len(sj.encode_jobs([each])) for each in seen)
        yield _size(archive, raw, f"… a job of {count} circuits that finish one by one", 0.03)

    number = 10 if quick else 200
    with folder() as place, sj.SnapshotArchive(place / "drift.db") as archive:
        raw = 0
        for each in (_again(number) for number in range(number)):
            changes = [attrs.evolve(each, circuits=_finished(each, 5 * done)) for done in range(5)]
            seen = [at_minute(change, 5 * poll) for poll, change in enumerate(changes)]
            archive.record_all(seen)
            raw += 4 * sum(len(sj.encode_jobs([change])) for change in seen)  # of 20 polls
        what = f"… a drift study: the same 20 circuits submitted {number} times, 20 polls each"
        yield _size(archive, raw, what, 0.06)


def _size(archive: sj.SnapshotArchive, raw: int, what: str, bar: float) -> Row:
    """The row for the size of an archive's file, as a part of that many bytes."""
    size = archive.path.stat().st_size / raw
    return Row(what, f"≤ {bar:.2f}", f"{size:.3f}", size <= bar)


def _again(number: int) -> sj.JobSnapshot:
    """A job with the circuits of the others, and counts of its own."""
    first, own = job(0, circuits=20), job(number, circuits=20)
    circuits = [
        attrs.evolve(circuit, counts=counted.counts)
        for circuit, counted in zip(first.circuits, own.circuits, strict=True)
    ]
    return attrs.evolve(own, circuits=circuits)


def _finished(snapshot: sj.JobSnapshot, number: int) -> list[sj.CircuitSnapshot]:
    """Its circuits, of which that many have finished."""
    return [
        each
        if each.index < number
        else attrs.evolve(each, status_text="running", counts=None, updated_at=NOON)
        for each in snapshot.circuits
    ]


def _done(snapshot: sj.JobSnapshot, number: int) -> sj.JobSnapshot:
    return job(snapshot.job_id.int, done=number)  # type: ignore[union-attr]
