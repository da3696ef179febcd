"""``doctor``, against emulators that behave well and badly, and a server that says the time."""

from __future__ import annotations

import contextlib
import email.utils
import http.server
import json
import threading
import time

import click
import pytest
from servers import OldServer
from terminals import is_safe
from worlds import client_on

import superstaq_jobs as sj
from superstaq_jobs.cli.app import app
from superstaq_jobs.cli.findings import NotingTransport
from superstaq_jobs.cli.service_report import service_findings
from superstaq_jobs.emulator import Emulator
from superstaq_jobs.testing import FakeClock, Fault
from superstaq_jobs.transport import HttpTransport


def found_by(result):
    """The findings, by their names."""
    return {each["name"]: each for each in json.loads(result.stdout)["data"]["findings"]}


def test_what_is_in_order(world, run):
    found = found_by(run("doctor", "--json", version=world.version))
    assert found["API key"]["what"] == "from the environment variable SUPERSTAQ_API_KEY"
    assert world.server.url in found["host"]["what"]
    assert "from SUPERSTAQ_REMOTE_HOST" in found["host"]["what"]
    assert world.version in found["API version"]["what"]
    assert found["TLS"]["state"] == "note"
    assert found["connection"]["state"] == "ok"
    assert {each["state"] for each in found.values()} == {"ok", "note"}
    told = run("doctor", version=world.version).stdout.splitlines()
    assert told[-1].startswith("What to do: nothing")


def test_a_key_in_a_file_is_named_with_its_file(server, run, environment, tmp_path):
    (tmp_path / ".super.tech").mkdir()
    file = tmp_path / ".super.tech" / "superstaq_api_key"
    file.write_text(f"{server.api_key}\n")
    environment.delenv("SUPERSTAQ_API_KEY")
    result = run("doctor", "--host", server.url, "--json")
    assert result.exit_code == 0
    assert found_by(result)["API key"]["what"] == f"from {file}"
    assert "from the command line" in found_by(result)["host"]["what"]


@pytest.mark.parametrize(
    ("options", "key", "code", "where", "advice"),
    [
        ([], "", 2, "API key", "Set SUPERSTAQ_API_KEY"),
        ([], "wrong", 1, "API key", "Set a key that belongs to"),
        (["--host", "example.com"], "k", 2, "settings", "see what is written above"),
        (["--host", "https://127.0.0.1:{port}"], "k", 4, "TLS", "--ca-certs FILE"),
    ],
)
def test_a_problem_is_named_with_what_to_do(
    options, key, code, where, advice, run, environment, server
):
    environment.setenv("SUPERSTAQ_API_KEY", key)
    arguments = ["doctor", *(each.format(port=server.port) for each in options)]
    assert found_by(run(*arguments, "--json"))[where]["state"] == "problem"
    result = run(*arguments)
    assert result.exit_code == code
    assert advice in result.stdout.splitlines()[-1]
    assert result.stdout.splitlines()[-1].startswith("What to do: ")


@contextlib.contextmanager
def clock_of(seconds):
    """A server whose clock is wrong by that much."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b'{"email": "a@example.com", "balance": 1.0}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp=None):
            return email.utils.formatdate((timestamp or time.time()) + seconds, usegmt=True)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "as the service's, to 2 s"), (3600, " s behind the service's"), (-90, " s ahead of")],
)
def test_a_wrong_clock_is_found(seconds, said, run):
    with clock_of(seconds) as host:
        result = run("doctor", "--host", host, "--json")
    clock = found_by(result)["clock"]
    assert said in clock["what"]
    assert (clock["state"], result.exit_code) == (("problem", 1) if seconds else ("ok", 0))


def test_the_service_is_asked_what_nobody_else_knows(run, server):
    jobs_before = len(server.jobs())
    asked = run("doctor", "--service")
    assert asked.exit_code == 2
    assert "one dry-run job" in asked.stderr
    assert len(server.jobs()) == jobs_before
    result = run("doctor", "--service", "--json", stdin="y\n")
    assert result.exit_code == 0, result.output
    found = found_by(result)
    assert found["dry-run job"]["what"] == "accepted"
    assert len(server.jobs()) == jobs_before + 1
    assert found["tags are kept"]["what"] == "as they were sent"
    assert found["jobs are found by tag"]["what"] == "yes, after 0 s, and no others"
    assert found["longest request line"]["what"] == "at least 64000 bytes"
    assert "0000-00-00T00:00:00" in found["time stamps"]["what"]
    assert found["Retry-After"]["what"] == "in no response"
    report = run("doctor", "--service", "--yes").stdout
    assert is_safe(report)
    secret = [server.api_key, "user@", "100.0", *(str(each.job_id) for each in server.jobs())]
    assert not [each for each in secret if each in report]


def test_a_service_that_does_not_keep_tags_is_found_out(simulator):
    with Emulator(step_seconds=0, simulator=simulator, stored_tag=str.lower) as bad:
        transport = NotingTransport(HttpTransport(origin=bad.url))
        options = {"transport": transport, "clock": FakeClock()}
        with sj.SuperstaqClient(bad.api_key, bad.url, **options) as client:
            found = list(service_findings(client, transport, "ss_unconstrained_simulator"))
    problems = [each for each in found if each.state == "problem"]
    assert [each.name for each in problems] == ["tags are kept", "jobs are found by tag"]
    assert all("Submission keys do not work" in each.advice for each in problems)


def test_a_refusal_ends_the_report_and_is_in_it(run, simulator):
    refusal = Fault("status", status_code=400, retry_after_seconds=7)
    with Emulator(step_seconds=0, simulator=simulator) as bad:
        bad.faults.extend([refusal], call="POST /client/job")
        result = run("doctor", "--service", "--yes", "--host", bad.url, "--json")
    found = found_by(result)
    assert result.exit_code == 1
    assert "400" in found["stopped"]["what"]
    assert found["Retry-After"]["what"] == "400: 0"


def test_the_old_api_is_asked_for_less():
    transport = NotingTransport(OldServer().transport)
    client = client_on(transport, api_version="v0.2.0")
    found = {each.name: each for each in service_findings(client, transport, "a_b_qpu")}
    assert found["dry-run job"].what == "accepted"
    assert found["tags, request lines"].state == "note"
    assert "state_vector" in found["order of keys"].what
    assert {each.state for each in found.values()} == {"ok", "note"}


# ---- completion ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish"])
def test_a_shell_completes_the_command(kind, run, environment):
    script = run("completion", kind)
    assert script.exit_code == 0
    assert f"_SUPERSTAQ_JOBS_COMPLETE={kind}_complete" in script.stdout
    assert json.loads(run("completion", kind, "--json").stdout)["data"]["script"] == script.stdout
    for words, number, wanted in (
        ("superstaq-jobs a", 1, "archive"),
        ("superstaq-jobs archive v", 2, "verify"),
        ("superstaq-jobs list --st", 2, "--status"),
        ("superstaq-jobs list --status comp", 3, "completed"),
    ):
        environment.setenv("_SUPERSTAQ_JOBS_COMPLETE", f"{kind}_complete")
        environment.setenv("COMP_WORDS", words)
        environment.setenv("COMP_CWORD", str(number) if kind != "fish" else words.split()[-1])
        assert wanted in run().stdout
        environment.delenv("_SUPERSTAQ_JOBS_COMPLETE")


def test_every_option_has_a_help_text_and_every_verb_its_own():
    def walk(command, path):
        ctx = click.Context(command, info_name=path)
        for each in command.params:
            if isinstance(each, click.Option):
                assert (each.help or "").endswith((".", ")")), f"{path} {each.opts}"
        summary = command.get_short_help_str(80)
        assert summary.endswith("."), f"{path}: {summary}"
        assert not summary.endswith("..."), path
        if isinstance(command, click.Group):
            for name in command.list_commands(ctx):
                walk(command.get_command(ctx, name), f"{path} {name}")

    walk(app, "superstaq-jobs")
