"""Exit statuses, messages, interruptions, and what the shell's pipes do."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

import superstaq_jobs as sj
from superstaq_jobs.cli import failures, main
from superstaq_jobs.cli.failures import ExitCode

NOBODY = "00000000-0000-0000-0000-000000000000"

WRONG = {
    "no verb": ([], 2, "ommand"),
    "unknown verb": (["nope"], 2, "No such command 'nope'"),
    "unknown option": (["list", "--nope"], 2, "No such option"),
    "no id": (["wait"], 2, "Missing argument"),
    "an id that is none": (["show", "abc"], 2, "must be a UUID, got 'abc'"),
    "an unknown job": (["wait", NOBODY], 1, NOBODY),
    "an unknown target": (["targets", "nope_nope_qpu"], 1, "nope_nope_qpu"),
    "no host": (["balance", "--host", "example.com"], 2, "https://example.com"),
    "no version": (["balance", "--api-version", "v9"], 2, "v0.3.0, v0.2.0"),
    "no file": (["submit", "nope.qasm", "--target", "a_b_qpu"], 2, "No such file"),
    "no archive": (["archive", "list", "nope.db"], 2, "does not exist"),
    "no lock": (["verify", "nope.lock", "nope.db"], 2, "does not exist"),
    "a negative time": (["wait", NOBODY, "--timeout", "-1"], 2, "-1"),
    "a file of no jobs": (["diff", __file__], 2, "does not hold jobs, so nothing was compared"),
    "no file of jobs": (["diff", "nope.json"], 2, "nope.json cannot be read: No such file"),
    "dry or not": (["submit", __file__, "--target=a_b_qpu", "--dry-run", "--method=sim"], 2, "exc"),
    "no shots": (["submit", __file__, "--target", "a_b_qpu"], 2, "pass --shots 1000, say"),
    "plain http": (["show", NOBODY, "--host", "http://a.example"], 2, "to the network. Use https."),
    "a batch": (["show", f"{NOBODY},b"], 2, "need --api-version v0.2.0"),
    "no such shell": (["completion", "tcsh"], 2, "'bash', 'zsh', 'fish'"),
    "no such demo": (["demo", "--shots", "-1"], 2, "shots: must be >= 0, got -1"),
    "no such port": (["emulator", "--port", "99999"], 2, "from 0 to 65535"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_explained_on_stderr(case, run):
    arguments, code, said = WRONG[case]
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
    assert "superstaq-jobs: error: " in result.stderr
    assert "Traceback" not in result.stderr
    document = json.loads(run(*arguments, "--json").stdout)
    assert document["exit_code"] == code
    assert (
        document["command"]
        == " ".join(arguments[:2] if arguments[:1] == ["archive"] else arguments[:1])
        or case == "unknown verb"
    )
    assert said in json.dumps(document["error"])


def test_a_key_is_named_in_no_argument_and_shown_nowhere(run, monkeypatch):
    monkeypatch.setenv("SUPERSTAQ_API_KEY", "a-wrong-key-of-mine")
    for arguments in (["balance", "-v"], ["doctor", "-v"], ["doctor", "--json"]):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "a-wrong-key-of-mine" not in result.output
        assert "API key" in result.output
    monkeypatch.delenv("SUPERSTAQ_API_KEY")
    result = run("balance")
    assert result.exit_code == 2
    assert "An option for it is missing on purpose" in result.stderr
    assert run("balance", "--api-key", "k").exit_code == 2


def test_the_log_is_shown_on_demand_only(world, run):
    quiet = run("show", world.finished, version=world.version)
    loud = run("-v", "show", world.finished, version=world.version)
    assert quiet.stderr == ""
    assert re.search(r"^superstaq-jobs: \d\d:\d\d:\d\d (GET|POST) /", loud.stderr, re.MULTILINE)
    assert quiet.stdout.splitlines()[0] == loud.stdout.splitlines()[0]


def test_an_option_for_all_verbs_may_stand_before_or_after(server, run, monkeypatch):
    monkeypatch.delenv("SUPERSTAQ_REMOTE_HOST")
    for arguments in (
        ["--host", server.url, "--json", "balance"],
        ["balance", "--json", "--remote-host", server.url],
    ):
        assert json.loads(run(*arguments).stdout)["data"]["balance"] == 100.0


JOB = "5eed0000-0000-4000-8000-000000000000"


def timed_out(snapshot, num_failures=0):
    return sj.WaitTimeout(
        "m",
        job_id=JOB,
        snapshot=snapshot,
        timeout_seconds=1,
        waited_seconds=1,
        num_failures=num_failures,
    )


def test_the_exit_status_of_each_error():
    unreachable = sj.TransportError("m", sent=False)
    seen = timed_out(None)
    cases = {
        ExitCode.USAGE: [
            sj.ApiKeyNotFound(["a"]),
            sj.ConfigurationError("m"),
            sj.InvalidValue("m"),
        ],
        ExitCode.TIMED_OUT: [seen, sj.JobsTimeout({JOB: seen, NOBODY: unreachable})],
        ExitCode.UNREACHABLE: [
            unreachable,
            sj.RequestTimeout("m", sent=True),
            sj.SuperstaqServerException("m", 503),
            timed_out(None, num_failures=3),
            sj.JobsUnsettled({JOB: unreachable}),
            sj.JobsTimeout({JOB: timed_out(None, num_failures=1)}),
        ],
        ExitCode.FAILED: [
            sj.SubmissionUnknown("m"),
            sj.AuthenticationError("m", 401),
            sj.JobsNotFound([JOB]),
            sj.JobsUnsettled({JOB: sj.JobsNotFound([JOB])}),
            sj.ArchiveError("m"),
            sj.CountsUnavailable("m", job_id=JOB, index=0),
        ],
    }
    for code, errors in cases.items():
        assert {failures.exit_code(each) for each in errors} == {code}
        for each in errors:
            json.dumps(failures.as_data(each, failures.message_of(each)))


# ---- processes ---------------------------------------------------------------------------------


def shell(*arguments, **options):
    options = {"capture_output": True, "text": True, "timeout": 100} | options
    return subprocess.run(
        [sys.executable, "-m", "superstaq_jobs", *arguments], check=False, **options
    )


@contextlib.contextmanager
def started(*arguments, **options):
    with subprocess.Popen(
        [sys.executable, "-m", "superstaq_jobs", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A process that was started in the background of a shell ignores Ctrl-C, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        **options,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.usefixtures("environment")
def test_ctrl_c_in_a_wait_names_the_command_that_goes_on(world, server):
    form = [] if world.version == "v0.3.0" else ["--json"]
    options = ["--host", server.url, "--api-version", world.version]
    arguments = ["wait", world.stuck, "-v", "--polling", "0.05", *options, *form]
    with started(*arguments) as process:
        for line in process.stderr:  # until it polls
            if "attempt 1" in line:
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    rest = ["--polling=0.05", *options, *form]
    go_on = " ".join(["superstaq-jobs", "wait", world.stuck, *rest])
    if form:
        assert json.loads(out)["error"]["resume"] == go_on
    else:
        assert f"To go on: {go_on}" in err
        assert "nothing was cancelled" in err
        assert out == ""
    assert "Traceback" not in err


@pytest.mark.usefixtures("environment")
def test_a_pipe_that_ends_early_is_quiet():
    with started("targets", "--json") as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == ExitCode.BROKEN_PIPE


@pytest.mark.usefixtures("environment")
def test_a_full_disk_is_reported():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = shell("balance", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def python(code):
    return subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}"], check=False, capture_output=True, text=True
    )


def test_without_click_the_extra_is_named():
    code = "sys.modules['click'] = None\nfrom superstaq_jobs.cli import main\nsys.exit(main([]))"
    done = python(code)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install '.[cli]'" in done.stderr


@pytest.mark.usefixtures("environment")
def test_nothing_that_a_verb_does_not_need_is_imported():
    heavy = {"rich", "superstaq_jobs.archive", "superstaq_jobs.emulator", "qiskit", "matplotlib"}
    loaded = f"print({heavy} & sys.modules.keys())"
    code = f"from superstaq_jobs.cli import main\nmain(['balance'])\n{loaded}"
    assert python(code).stdout == "100.0\nset()\n"


@pytest.mark.usefixtures("environment")
def test_main_returns_the_exit_status(capsys):
    assert main(["balance"]) == 0
    assert capsys.readouterr().out == "100.0\n"
    assert main(["nope"]) == 2
    assert main(["--version"]) == 0


def test_a_server_that_does_not_respond_is_unreachable(run):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"http://127.0.0.1:{listener.getsockname()[1]}"
        result = run("wait", NOBODY, "--timeout", "0.3", "--host", host)
    assert result.exit_code == 4
    assert "superstaq-jobs doctor checks" in result.stderr
