"""One emulator for all tests of the command, with a finished, a failed and a stuck job in each API.

``run`` runs the command as a pipe sees it, ``on_terminal`` as a terminal does.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import qiskit
import qiskit.qpy
from click.testing import CliRunner, Result
from emulators import simulator  # noqa: F401 - a fixture
from terminals import HOSTILE, Tty

import superstaq_jobs as sj
from superstaq_jobs.cli.app import app
from superstaq_jobs.emulator import Emulator, Ending, Plan

VERSIONS = ["v0.3.0", "v0.2.0"]
FLIP = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nx q[0];\n'


@attrs.frozen
class Shown:
    exit_code: int
    stdout: str
    stderr: str


@attrs.frozen
class World:
    """A server, its jobs and files with circuits, through one version of the API."""

    server: Emulator
    version: str
    files: tuple[str, ...]
    finished: str
    failed: str
    stuck: str

    @property
    def has_queries(self) -> bool:
        return self.version == "v0.3.0"


def _plan(server: Emulator) -> None:
    bad = Plan(ending=Ending("failed", message=f"broken {HOSTILE}"))
    server.plan(bad, target="emulated_ring_qpu", always=True)
    stuck = Plan(ending=Ending("stuck", during="pending"))
    server.plan(stuck, target="emulated_line_qpu", always=True)


@pytest.fixture(scope="session")
def server(simulator) -> Iterator[Emulator]:  # noqa: F811 - the fixture
    with Emulator(step_seconds=0, simulator=simulator) as started:
        _plan(started)
        yield started


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """QASM and QPY files: of one circuit each, and one QPY of two."""
    made = tmp_path_factory.mktemp("circuits")
    (made / "flip.qasm").write_text(FLIP)
    circuit = qiskit.QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure([0, 1], [0, 1])
    for name, number in (("flip.qpy", 1), ("flips.qpy", 2)):
        with (made / name).open("wb") as file:
            qiskit.qpy.dump([circuit] * number, file)
    return made


@pytest.fixture(scope="session", params=VERSIONS)
def world(request, server, folder) -> World:
    version = request.param
    circuits = base64.b64encode((folder / "flips.qpy").read_bytes()).decode()
    with sj.SuperstaqClient(server.api_key, server.url, api_version=version) as client:
        ids = []
        for target in ("ss_unconstrained_simulator", "emulated_ring_qpu", "emulated_line_qpu"):
            new = sj.NewJob(
                target=target,
                circuits=circuits,
                circuit_type="qiskit",
                shots=20,
                tags=["of-the-world", f"odd {HOSTILE}"] if version == "v0.3.0" else [],
            )
            ids.append(sj.submit_job(client, new).job_id)
        sj.wait_all(
            [sj.JobHandle(client, each) for each in ids[:2]],
            timeout_seconds=60,
            polling_seconds=0.05,
        )
    files = tuple(str(folder / name) for name in ("flip.qpy", "flips.qpy"))
    return World(server, version, files, *map(str, ids))


@pytest.fixture
def environment(server, monkeypatch, tmp_path) -> pytest.MonkeyPatch:
    """The environment of a user whose service is the emulator, in an empty folder."""
    monkeypatch.setenv("SUPERSTAQ_API_KEY", server.api_key)
    monkeypatch.setenv("SUPERSTAQ_REMOTE_HOST", server.url)
    monkeypatch.delenv("SUPERSTAQ_API_VERSION", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def run(environment):
    def run_command(*arguments: str, version: str = "v0.3.0", stdin: str | bytes = "") -> Result:
        environment.setenv("SUPERSTAQ_API_VERSION", version)
        result = CliRunner().invoke(app, list(arguments), input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run_command


@pytest.fixture
def on_terminal(environment):
    def run_command(
        *arguments: str, version: str = "v0.3.0", columns: int = 100, encoding: str = "utf-8"
    ) -> Shown:
        environment.setenv("SUPERSTAQ_API_VERSION", version)
        environment.setenv("COLUMNS", str(columns))
        out, err = Tty(encoding), Tty(encoding)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = app.main(list(arguments), standalone_mode=False)
        return Shown(code, out.text(), err.text())

    return run_command
