"""Reading answers, polling, memory and import: ours beside the official client, as a table.

    python benchmarks/speed.py              # a minute; needs orjson beside what the tests need

Each time is one of a turn in which all take part, and each figure the median of the ratios of 15
turns: what slows the machine down for a while slows all of them down. Payloads, all of OpenQASM 2
circuits (20 gates as written, 40 compiled) and with times of their own:

- S1: one job, one circuit, 16 outcomes of 4 bits
- S2: one job, 100 circuits, 100 outcomes of 10 bits each
- S3: one job, one circuit, 100,000 outcomes of 17 bits
- S4: 1,000 jobs, one circuit each, 16 outcomes of 4 bits

The official client's way is what its ``fetch_jobs`` and its ``Job`` do with an answer: the standard
library's parser, ``JobData``, ``model_dump``, and ``JobData`` once more.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import platform
import random
import statistics
import subprocess
import sys
import time
import tracemalloc
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import attrs
import msgspec
import orjson

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from general_superstaq import models

import superstaq_jobs as sj
from superstaq_jobs._seen import SeenJobs

TURNS = 15
START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def circuit(random_: random.Random, qubits: int, gates: int) -> str:
    """An OpenQASM 2 circuit."""
    lines = ["OPENQASM 2.0;", 'include "qelib1.inc";', f"qreg q[{qubits}];", f"creg c[{qubits}];"]
    for _ in range(gates):
        one, other = random_.sample(range(qubits), 2)
        angle = random_.uniform(0, 6.28)
        lines.append(random_.choice([f"rz({angle:.6f}) q[{one}];", f"cx q[{one}],q[{other}];"]))
    return "\n".join([*lines, "measure q -> c;"]) + "\n"


def body(jobs: int, circuits: int, outcomes: int, bits: int) -> bytes:
    """The body of an answer about so many jobs."""
    random_ = random.Random(7)  # noqa: S311 - the same payload each time
    answer = {}
    for number in range(jobs):
        moment = START + dt.timedelta(seconds=number, microseconds=random_.randrange(10**6))
        stamp = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
        qubits = {str(place): place + 3 for place in range(bits)}
        counts = [
            {format(o, f"0{bits}b"): random_.randrange(1, 999) for o in chosen}
            for chosen in (random_.sample(range(2**bits), outcomes) for _ in range(circuits))
        ]
        nothing = [None] * circuits
        answer[str(uuid.UUID(int=random_.getrandbits(128), version=4))] = {
            "job_type": "submit",
            "statuses": ["completed"] * circuits,
            "status_messages": nothing,
            "user_email": "ada@example.com",
            "target": "ibmq_fez_qpu",
            "provider_id": [f"d{random_.getrandbits(60):x}" for _ in range(circuits)],
            "num_circuits": circuits,
            "compiled_circuits": [circuit(random_, bits, 40) for _ in range(circuits)],
            "input_circuits": [circuit(random_, bits, 20) for _ in range(circuits)],
            "circuit_type": "qasm",
            "counts": counts,
            "results_dicts": nothing,
            "shots": [1000] * circuits,
            "dry_run": False,
            "submission_timestamp": stamp,
            "last_updated_timestamp": [stamp] * circuits,
            "initial_logical_to_physicals": [qubits] * circuits,
            "final_logical_to_physicals": [qubits] * circuits,
            "logical_qubits": nothing,
            "physical_qubits": nothing,
            "tags": ["calibration"],
            "metadata": {"run": number},
        }
    return json.dumps(answer, separators=(",", ":")).encode()


def official(data: bytes) -> list[Any]:
    """What the official client makes of an answer."""
    dumped = [models.JobData(**job).model_dump() for job in json.loads(data).values()]
    return [models.JobData(**job) for job in dumped]


def looked_at(data: bytes) -> None:
    """Every circuit of every job, which is made when it is asked for."""
    for job in sj.decode_jobs(data):
        assert job.circuits


def timed(work: Callable[[], object], times: int) -> float:
    """Seconds of one."""
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def ratios(data: bytes, *pairs: tuple[Callable[[], object], Callable[[], object]]) -> list[float]:
    """The median ratio of each pair, all of them measured in turn."""
    times = max(2, min(1000, 1_000_000 // len(data)))
    turns = [
        [timed(one, times) / timed(other, times) for one, other in pairs] for _ in range(TURNS)
    ]
    return [statistics.median(column) for column in zip(*turns, strict=True)]


def kept(read: Callable[[bytes], object], data: bytes) -> tuple[int, int]:
    """How many bytes what is read takes, and at the peak of reading."""
    tracemalloc.start()
    result = read(data)
    sizes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result is not None
    return sizes


def poll(data: bytes) -> Callable[[], object]:
    """A poll whose answer says what the last one said."""
    ids = tuple(uuid.UUID(key) for key in json.loads(data))
    client = sj.SuperstaqClient("key", "http://localhost:9")
    (call, *_) = client.api.query_jobs(sj.JobQuery(job_id=ids[:1]), sj.CircuitType.QASM)
    reading = SeenJobs().reading(attrs.evolve(call, job_ids=ids))
    reading.read(data, START, "here")
    again = bytes(bytearray(data))  # another object, as from a socket
    return lambda: reading.read(again, START, "here")


def import_ratio(ours: str) -> float:
    """Seconds of an import over bare Python, ours over the official client's."""

    def seconds(code: str) -> float:
        command = [sys.executable, "-W", "ignore", "-c", code]
        return timed(lambda: subprocess.run(command, check=True), 1)  # noqa: S603 - our own code

    turns = []
    for _ in range(7):
        bare = seconds("pass")
        turns.append((seconds(ours) - bare) / (seconds("import general_superstaq") - bare))
    return statistics.median(turns)


def show(what: str, figure: float, bar: str) -> None:
    """A line of the table; the bar says which side of it is good."""
    limit = float(bar[1:])
    is_met = figure <= limit if bar[0] == "≤" else figure >= limit
    print(f"| {what} | {figure:.3g} | {bar} | {'met' if is_met else '**missed**'} |", flush=True)


def main() -> None:
    """Print the table."""
    names = ("msgspec", "orjson", "attrs", "pydantic", "general-superstaq")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    print(f"Python {platform.python_version()}, {versions}\n")
    print("| what | figure | bar | |\n| --- | --: | --: | --- |")
    sizes = {"S1": (1, 1, 16, 4), "S2": (1, 100, 100, 10), "S3": (1, 1, 100_000, 17)}
    bars = {"S1": (3.0, 5), "S2": (1.5, 2.3), "S3": (1.4, 3.4), "S4": (1.4, 6)}
    payloads = {name: body(*size) for name, size in {**sizes, "S4": (1000, 1, 16, 4)}.items()}
    for name, data in payloads.items():
        read, parse = (lambda d=data: sj.decode_jobs(d)), (lambda d=data: orjson.loads(d))
        decode, every, typed, theirs = ratios(
            data,
            (read, parse),
            (lambda d=data: looked_at(d), parse),
            (lambda d=data: msgspec.json.decode(d), parse),
            (lambda d=data: official(d), read),
        )
        show(f"{name}: decode ÷ `orjson.loads`", decode, f"≤{bars[name][0]}")
        print(f"| {name}: the same, and every circuit looked at | {every:.3g} | | |")
        print(f"| {name}: `msgspec` without types ÷ `orjson.loads` | {typed:.3g} | | |")
        show(f"{name}: the official client's way ÷ ours", theirs, f"≥{bars[name][1]}")
        plain, (mine, peak) = kept(orjson.loads, data)[0], kept(sj.decode_jobs, data)
        show(f"{name}: memory kept ÷ that of the parsed JSON", mine / plain, "≤1.05")
        show(f"{name}: peak ÷ the same", peak / plain, "≤2")
    one, many = payloads["S1"], payloads["S4"]
    (figure,) = ratios(one, (poll(one), lambda: sj.decode_jobs(one)))
    show("a poll of one job without news ÷ a full decode", figure, "≤0.05")
    (figure,) = ratios(many, (poll(many), lambda: orjson.loads(many)))
    show("a poll of 1,000 jobs without news ÷ `orjson.loads`", figure, "≤0.25")
    (snapshot,) = sj.decode_jobs(payloads["S3"])
    counts = snapshot.counts(0)
    show("bytes for reading a count of 100,000", kept(lambda _: counts["0" * 17], b"")[1], "≤1000")
    client = sj.SuperstaqClient("key", "http://localhost:9")
    ids = [uuid.UUID(int=number) for number in range(10_000)]
    memory = kept(lambda _: [sj.JobHandle(client, job_id) for job_id in ids], b"")[0] / len(ids)
    show("bytes a handle without a snapshot, of 10,000", memory, "≤1024")
    query = sj.JobQuery(job_id=ids[:1000])
    requests = len(client.api.query_jobs(query, sj.CircuitType.QASM))
    show("requests a round, 1,000 jobs (the official client: 1,000)", requests, "≤7")
    show("`import superstaq_jobs` ÷ official", import_ratio("import superstaq_jobs"), "≤0.25")
    records = "import superstaq_jobs as s; s.JobHandle, s.decode_jobs"
    show("the same with handles and decoder in use ÷ official", import_ratio(records), "≤0.25")
    print("\nGrowth, microseconds a decode:\n")
    for what, cases in {
        "circuits": [(1, n, 16, 4) for n in (1, 10, 100, 1000)],
        "outcomes": [(1, 1, n, 17) for n in (100, 1000, 10_000, 100_000)],
        "jobs": [(n, 1, 16, 4) for n in (1, 10, 100, 1000)],
    }.items():
        datas = [body(*case) for case in cases]
        spent = [
            statistics.median(
                timed(lambda d=data: sj.decode_jobs(d), max(1, 100_000 // len(data)))
                for _ in range(TURNS)
            )
            for data in datas
        ]
        sizes_ = [case[{"circuits": 1, "outcomes": 2, "jobs": 0}[what]] for case in cases]
        pairs = zip(sizes_, spent, strict=True)
        print(f"- {what}: " + ", ".join(f"{n:,}: {s * 1e6:,.0f}" for n, s in pairs))


if __name__ == "__main__":
    main()
