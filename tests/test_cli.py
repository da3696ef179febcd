from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
import warnings

import pytest
from worlds import JOB, job

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
    heavy = ["qiskit", "numpy", "hypothesis", "http.server", "rich"]
    heavy += ["superstaq_jobs.emulator", "superstaq_jobs.testing", "superstaq_jobs.cli"]
    code = f"import superstaq_jobs, sys; print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.fixture
def served_demo():
    """Runs the demo against a server whose job has the given lists, each of one value."""
    with contextlib.ExitStack() as stack:

        def run(num_circuits=3, **lists):
            data = job(*["running"] * num_circuits).to_dict()
            data |= {name: [value] * num_circuits for name, value in lists.items()}

            class Handler(http.server.BaseHTTPRequestHandler):
                def do_POST(self):
                    self.rfile.read(int(self.headers["Content-Length"]))
                    self.send({"job_id": str(JOB), "num_circuits": num_circuits})

                def do_GET(self):
                    self.send({str(JOB): data})

                def send(self, sent):
                    body = json.dumps(sent).encode()
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *_):
                    pass

            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}"
            options = ["--api-key", "key", "--timeout", "0.4", "--polling", "0.1"]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return main(["demo", "--remote-host", url, *options])

        yield run


HOSTILE = [
    "\x1b]0;owned\x07",
    "\x1b[2J",
    "\x9b2J",
    "odd [/x]",
    "[red]x[/]",
    "[link=http://e.example]",
    "\u202e\r\b",
]


def shows_nothing_raw(printed):
    colours = re.sub(r"\x1b\[[0-9;]*m", "", printed)  # which rich writes
    return colours.replace("\n", "").isprintable()


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("status", ["failed", "completed", None])
def test_what_the_server_says_is_neither_markup_nor_obeyed(text, status, served_demo, capsys):
    number = {"00" + text: 3, text: 1} if status == "completed" else None
    code = served_demo(statuses=status or text, status_messages=text, counts=number)
    told = capsys.readouterr()
    assert code == (1 if status is None else 0)
    assert shows_nothing_raw(told.out)
    assert shows_nothing_raw(told.err)
    if text.startswith("["):  # it prints, and is no markup
        assert text.replace("\n", "") in told.out


@pytest.mark.parametrize(
    "counts",
    [
        {"0": 0}, {"0": -3, "1": 3}, {"0": -3}, {"0": 0.25, "1": -0.25}, {"0": 0.5, "1": 0.5},
        {"0": 10**400, "1": 1 - 10**400}, {"0": 1e308, "1": 1e308}, {"0": -1e308, "1": -1e308}, {},
    ],
)  # fmt: skip
def test_any_counts_are_shown(counts, served_demo, capsys):
    assert served_demo(statuses="completed", counts=counts) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_more_circuits_than_were_sent_are_shown(served_demo, capsys):
    assert served_demo(num_circuits=5, statuses="failed") == 0
    assert "circuit 4" in capsys.readouterr().out
