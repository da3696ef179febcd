"""Use the installed library as a newcomer would; nothing but it and Python is there.

``check.py`` runs this in an empty environment. It talks to a server on loopback only.
"""

from __future__ import annotations

import importlib.metadata
import json
import pickle
import subprocess
import sys
import tempfile
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import superstaq_jobs as sj

JOB = uuid.uuid4()
BELL = "OPENQASM 2.0; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;"


def job_data(status: str) -> bytes:
    """The job, as a server of API v0.3.0 writes it."""
    job = sj.JobSnapshot(
        job_id=JOB,
        job_type="submit",
        target="ss_unconstrained_simulator",
        circuit_type="qasm",
        user_email="you@example.com",
        submitted_at=sj.SystemClock().utcnow(),
        circuits=[
            sj.CircuitSnapshot(
                index=0,
                status_text=status,
                counts={"00": 6, "11": 4} if status == "completed" else None,
                shots=10,
                input_circuit=BELL,
            )
        ],
    )
    return sj.encode_jobs([job])


class Service(BaseHTTPRequestHandler):
    """API v0.3.0 with one job, which is finished when it is polled for the second time."""

    bodies = iter([job_data("running"), job_data("completed")])

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert (sent["circuits"], sent["shots"]) == (BELL, 10)
        self._respond(json.dumps({"job_id": str(JOB), "num_circuits": 1}).encode())

    def do_GET(self) -> None:
        assert str(JOB) in self.path
        self._respond(next(Service.bodies))

    def _respond(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def check_files() -> None:
    """What is installed is the library alone, typed, of the version that it says."""
    distribution = importlib.metadata.distribution("superstaq_jobs")
    assert distribution.version == sj.__version__
    package = Path(sj.__file__).parent
    assert package.is_relative_to(sys.prefix), package
    assert (package / "py.typed").is_file()
    files = distribution.files or []
    tops = {file.parts[0] for file in files if file.suffix in {".py", ".pyi"}}
    assert tops == {"superstaq_jobs"}, tops
    assert any(file.name == "LICENSE" for file in files)


def check_names() -> None:
    """Every public name is there; what needs an extra says which."""
    for name in sj.__all__:
        getattr(sj, name)
    for module, extra in (("emulator", "emulator"), ("testing.strategies", "testing")):
        try:
            importlib.import_module(f"superstaq_jobs.{module}")
        except ModuleNotFoundError as error:
            assert f"[{extra}]" in str(error), error
        else:
            raise AssertionError(f"superstaq_jobs.{module} needs no extra any more")


def check_entry_points() -> None:
    """The command runs, and the plugins are found."""
    points = importlib.metadata.distribution("superstaq_jobs").entry_points
    assert {point.group for point in points} == {"console_scripts", "pytest11", "hypothesis"}
    for point in points:
        if point.group != "pytest11":  # which imports pytest
            point.load()
    script = Path(sys.executable).parent / "superstaq-jobs"
    for command in ([script], [sys.executable, "-m", "superstaq_jobs"]):
        done = subprocess.run([*command, "--help"], check=False, capture_output=True, text=True)
        said = done.stdout + done.stderr
        assert "Traceback" not in said, said
        assert done.returncode == 0 or "[cli]" in said, said


def check_use(folder: Path) -> None:
    """A job is submitted, waited for, kept and read again."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_port}"
    archive = sj.SnapshotArchive(folder / "study.db")
    with archive, sj.SuperstaqClient("a-key", host, recorder=archive) as client:
        job = sj.NewJob(target="ss_unconstrained_simulator", circuits=BELL, shots=10)
        handle = sj.JobHandle.submit(client, job)
        final = handle.wait_until_complete(timeout_seconds=30, polling_seconds=0.01)
        assert final.counts(0) == {"00": 6, "11": 4}
        assert sj.fetch_job(sj.OfflineClient(archive), JOB) == final
    server.shutdown()
    server.server_close()
    assert sj.decode_jobs(sj.encode_jobs([final])) == (final,)
    assert pickle.loads(pickle.dumps(handle)).latest == final


if __name__ == "__main__":
    check_files()
    check_names()
    check_entry_points()
    with tempfile.TemporaryDirectory() as name:
        check_use(Path(name))
    print(f"superstaq_jobs {sj.__version__} works on Python {sys.version.split()[0]}")
