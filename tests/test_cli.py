from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from superstaq_jobs import __version__
from superstaq_jobs.cli import main
from superstaq_jobs.emulator import Emulator


def test_the_demo_shows_changes_table_and_histogram(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("SUPERSTAQ_API_VERSION", "v0.2.0")  # which takes no OpenQASM
    assert main(["demo", "--shots", "400"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"A local Superstaq listens at http://127\.0\.0\.1:\d+", told)
    assert re.search(r"circuit 0 \(Bell pair\): .* → completed", told)
    assert re.search(r"circuit 2 \(does not parse\): .* → failed", told)
    assert "'teleport' is not defined in this scope" in told
    bars = re.findall(r"^  ([01]+) █.*? +(\d+) +[\d.]+%", told, re.MULTILINE)
    shares = {bits: int(number) for bits, number in bars}
    assert set(shares) == {"00", "11", "00000", "11111"}
    assert shares["00"] + shares["11"] == shares["00000"] + shares["11111"] == 400


def test_the_demo_runs_against_a_given_server(capsys, monkeypatch):
    with Emulator(step_seconds=0, api_key="key-of-the-server") as server:
        monkeypatch.setenv("SUPERSTAQ_API_KEY", "key-of-the-server")
        monkeypatch.setenv("SUPERSTAQ_API_VERSION", "v0.2.0")
        assert main(["demo", "--remote-host", server.url, "--polling", "0.05"]) == 0
        told = capsys.readouterr().out
        assert "A local Superstaq" not in told
        assert "→ completed" in told or "completed" in told
        assert main(["demo", "--remote-host", server.url, "--api-key", "wrong"]) == 1
        assert "Check the API key" in capsys.readouterr().err


def test_a_wait_that_times_out_is_reported_in_a_line(capsys):
    assert main(["demo", "--timeout", "0"]) == 1
    assert "was not finished after" in capsys.readouterr().err


def test_wrong_numbers_are_named_by_field(capsys):
    assert main(["demo", "--shots", "-1"]) == 1
    assert "shots: must be >= 0, got -1" in capsys.readouterr().err


def test_a_host_that_is_not_a_url_is_reported(capsys):
    assert main(["demo", "--remote-host", "example.com", "--api-key", "k"]) == 1
    assert "https://example.com" in capsys.readouterr().err


def test_the_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.strip() == __version__


def test_a_port_that_is_in_use_is_reported(capsys):
    with Emulator() as server:
        port = server.url.rpartition(":")[2]
        assert main(["emulator", "--port", port]) == 1
    assert "cannot start" in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_emulator_runs_until_it_is_stopped(how):
    process = subprocess.Popen(
        [sys.executable, "-m", "superstaq_jobs", "emulator", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        # A process that was started in the background of a shell ignores Ctrl-C, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        url = process.stdout.readline().split()[5]
        request = urllib.request.Request(
            f"{url}/v0.3.0/client/balance", headers={"Authorization": "emulator-key"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(how)
        assert process.wait(timeout=30) == (130 if how == signal.SIGINT else 0)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_emulator_has_the_targets_that_are_chosen():
    process = subprocess.Popen(
        [sys.executable, "-m", "superstaq_jobs", "emulator", "--port=0", "--targets=official"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        url = process.stdout.readline().split()[5]
        request = urllib.request.Request(
            f"{url}/v0.2.0/targets", data=b"{}", headers={"Authorization": "emulator-key"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            assert b'"ibmq_fez_qpu"' in response.read()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_targets_that_do_not_exist_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["emulator", "--targets", "none"])
    assert "official" in capsys.readouterr().err


def test_importing_the_library_loads_no_simulator_server_or_test_tool():
    heavy = ["qiskit", "numpy", "hypothesis", "starlette", "uvicorn", "rich"]
    heavy += ["superstaq_jobs.emulator", "superstaq_jobs.testing", "superstaq_jobs.cli"]
    code = f"import superstaq_jobs, sys; print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
