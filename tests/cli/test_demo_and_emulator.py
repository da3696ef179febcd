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

import pytest
from terminals import is_safe, without_colours
from worlds import JOB, job

import superstaq_jobs as sj
from superstaq_jobs import __version__


def test_the_demo_shows_changes_table_and_histogram(on_terminal):
    shown = on_terminal("demo", "--shots=400", version="v0.2.0", columns=120)
    assert shown.exit_code == 0
    told = without_colours(shown.stdout)
    assert re.search(r"A local Superstaq listens at http://127\.0\.0\.1:\d+", told)
    assert re.search(r"circuit 0 \(Bell pair\): .* → completed", told)
    assert re.search(r"circuit 2 \(does not parse\): .* → failed", told)
    assert "'teleport' is not defined in this scope" in told
    bars = re.findall(r"^  ([01]+) █.*? +(\d+) +[\d.]+%", told, re.MULTILINE)
    shares = {bits: int(number) for bits, number in bars}
    assert set(shares) == {"00", "11", "00000", "11111"}
    assert shares["00"] + shares["11"] == shares["00000"] + shares["11111"] == 400


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_the_demo_runs_on_a_terminal_without_unicode(encoding, server, on_terminal):
    shown = on_terminal("demo", "--host", server.url, "--polling=0.05", encoding=encoding)
    assert shown.exit_code == 0
    told = without_colours(shown.stdout)
    assert told.isascii()
    assert re.search(r"^  00 #+ +\d+ [\d.]+%$", told, re.MULTILINE)
    assert "| circuit 0 (Bell pair)" in told


def test_the_demo_runs_against_a_given_server(server, run):
    result = run("demo", "--remote-host", server.url, "--polling", "0.05", version="v0.2.0")
    assert result.exit_code == 0
    assert "A local Superstaq" not in result.stdout
    assert "\ncircuit 0 (Bell pair)\tcompleted\t1000\t" in result.stdout
    assert "\x1b" not in result.stdout
    assert not set("█━│") & set(result.stdout)
    document = json.loads(run("demo", "--host", server.url, "--polling", "0.05", "--json").stdout)
    (job,) = document["data"]["jobs"]
    assert [each["status"] for each in job["circuits"]] == ["completed", "completed", "failed"]


def test_a_demo_that_times_out_is_reported_in_a_line(server, run):
    result = run("demo", "--host", server.url, "--target", "emulated_line_qpu", "--timeout", "0")
    assert result.exit_code == 3
    assert "was not finished after" in result.stderr


def test_the_version(run):
    assert run("--version").stdout == f"{__version__}\n"


def test_a_port_that_is_in_use_is_reported(server, run):
    result = run("emulator", "--port", str(server.port))
    assert result.exit_code == 1
    assert "cannot start" in result.stderr


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


def _ending(becomes):
    return {"ending": {"becomes": becomes, "during": "received"}}


def test_the_emulator_has_the_targets_and_plans_that_are_chosen(tmp_path):
    plans = [
        {"plans": [_ending("unrecognized"), {"circuits": {"0": {"becomes": "cancelled"}}}]},
        {"plans": [{"queue_seconds": 0.1, **_ending("deleted")}], "target": "ibmq_fez_qpu"},
    ]
    (tmp_path / "plans.json").write_text(json.dumps(plans))
    options = [
        "--port=0",
        "--step-seconds=0.01",
        "--targets=official",
        "--json",
        "--plans",
        tmp_path / "plans.json",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "superstaq_jobs", "emulator", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        data = json.loads(process.stdout.readline())["data"]
        with sj.SuperstaqClient(data["api_key"], data["url"]) as client:
            assert "ibmq_fez_qpu" in [each.target_name for each in sj.fetch_targets(client)]
            for status in ("unrecognized", "cancelled", "deleted"):
                job = sj.NewJob(target="ibmq_fez_qpu", circuits=["OPENQASM 3.0; qubit q;"], shots=1)
                handle = sj.JobHandle.submit(client, job)
                done = handle.wait_until_complete(timeout_seconds=30, polling_seconds=0.02)
                assert done.status == status
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(
    ("plans", "said"),
    [
        ("{", "is not JSON"),
        ("3", "expected an object, got 3"),
        ('{"plan": []}', "unknown key plan: there are plans, tag"),
        ('{"plans": [{"queue_second": 1}]}', "unknown key queue_second: there are queue_seconds"),
        ('{"plans": [{"run_seconds": "1"}]}', "run_seconds: must be a number of seconds"),
        ('{"plans": [{"ending": {"becomes": "lost"}}]}', "becomes: must be one of completed"),
        ('{"plans": [{"circuits": {"x": {"becomes": "failed"}}}]}', "circuits: must map indices"),
        ('{"plans": [{}], "target": "nowhere_at_qpu"}', "must be a target of this emulator"),
        ("{}", "plans must be an array, got None"),
        ('{"plans": null, "tag": "slow"}', "plans must be an array, got None"),
        ('{"plans": {"run_seconds": 1}}', "plans must be an array, got {'run_seconds': 1}"),
        ('{"plans": [{"ending": {}}]}', "becomes: must be one of completed"),
        ('{"plans": [{}], "always": "no"}', "always: expected True or False, got 'no'"),
    ],
)
def test_plans_that_cannot_be_used_are_refused(plans, said, run, tmp_path):
    (tmp_path / "plans.json").write_text(plans)
    result = run("emulator", "--port", "0", "--plans", "plans.json")
    assert result.exit_code == 2
    assert said in result.stderr


def test_importing_the_library_loads_no_simulator_server_or_test_tool():
    heavy = ["qiskit", "numpy", "hypothesis", "http.server", "rich", "click"]
    heavy += ["superstaq_jobs.emulator", "superstaq_jobs.testing", "superstaq_jobs.cli"]
    code = f"import superstaq_jobs, sys; print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.fixture
def served_demo(on_terminal):
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
            return on_terminal("demo", "--host", url, "--timeout=0.3", "--polling=0.1", columns=400)

        yield run


TEXTS = [
    "\x1b]0;owned\x07",
    "\x9b2J",
    "odd [/x]",
    "[link=http://e.example]",
    "\u202e\r\b",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("status", ["failed", "completed", None])
def test_what_the_server_says_is_neither_markup_nor_obeyed(text, status, served_demo):
    number = {"00" + text: 3, text: 1} if status == "completed" else None
    shown = served_demo(statuses=status or text, status_messages=text, counts=number)
    assert shown.exit_code == (3 if status is None else 0)
    assert is_safe(shown.stdout)
    assert is_safe(shown.stderr)
    if "[" in text:  # it prints, and is no markup
        assert text in shown.stdout


@pytest.mark.parametrize(
    "counts",
    [
        {"0": 0}, {"0": -3, "1": 3}, {"0": -3}, {"0": 0.25, "1": -0.25}, {"0": 0.5, "1": 0.5},
        {"0": 10**400, "1": 1 - 10**400}, {"0": 1e308, "1": 1e308}, {"0": -1e308, "1": -1e308}, {},
    ],
)  # fmt: skip
def test_any_counts_are_shown(counts, served_demo):
    shown = served_demo(statuses="completed", counts=counts)
    assert (shown.exit_code, shown.stderr) == (0, "")


def test_more_circuits_than_were_sent_are_shown(served_demo):
    assert "circuit 4" in served_demo(num_circuits=5, statuses="failed").stdout
