"""Every verb through both versions of the API: for people in a pipe, on a terminal, and as JSON."""

from __future__ import annotations

import contextlib
import json
import re

import pytest
from terminals import HOSTILE, Tty, is_safe, without_colours

from superstaq_jobs.cli.output import Column, Output
from superstaq_jobs.cli.session import Session

VERBS = {
    # name: the arguments, the exit status, what is said in a pipe
    "show": (("show", "{finished}"), 0, "circuit\t0\tcompleted\t20\t10: 20"),
    "show several": (("show", "{finished}", " {failed} "), 0, "status\tfailed"),
    "wait for a finished job": (("wait", "{finished}"), 0, "{finished}\tcompleted\t2\t"),
    "wait for a failed job": (("wait", "{finished}", "{failed}"), 1, "{failed}\tfailed\t2\t"),
    "wait in vain": (
        ("wait", "{finished}", "{stuck}", "--timeout", "0.2", "--polling", "0.05"),
        3,
        "{stuck}\tpending",
    ),
    "watch": (("watch", "{finished}", "{failed}"), 1, "{finished}  2 circuits: completed\n"),
    "cancel a finished job": (("cancel", "--yes", "{finished}"), 1, "{finished}\tnot cancelled"),
    "counts": (("counts", "{finished}"), 0, "0\t10\t20\n1\t10\t20\n"),
    "counts of one circuit": (("counts", "{finished}", "--circuit", "1"), 0, "1\t10\t20\n"),
    "targets": (("targets",), 0, "emulated_line_qpu\tdevice\tyes\tyes\trun, compile\n"),
    "simulators": (("targets", "--simulator"), 0, "ss_unconstrained_simulator\tsimulator\t"),
    "a target": (("targets", "emulated_line_qpu"), 0, "num_qubits\t8\n"),
    "balance": (("balance",), 0, "100.0\n"),
    "doctor": (("doctor",), 0, "ok\tconnection\tthe service accepts the key"),
}


def filled(arguments, world):
    return [each.format(**vars_of(world)) for each in arguments]


def vars_of(world):
    return {"finished": world.finished, "failed": world.failed, "stuck": world.stuck}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_in_a_pipe(verb, world, run):
    arguments, code, said = VERBS[verb]
    result = run(*filled(arguments, world), version=world.version)
    assert result.exit_code == code, result.output
    assert said.format(**vars_of(world)) in result.stdout
    assert is_safe(result.stdout)
    assert "█" not in result.output
    assert "\x1b" not in result.output


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_as_json(verb, world, run):
    arguments, code, _ = VERBS[verb]
    result = run(*filled(arguments, world), "--json", version=world.version)
    assert result.exit_code == code
    *changes, last = map(json.loads, result.stdout.splitlines())
    assert bool(changes) is (verb == "watch")
    assert result.stdout.isascii()
    for document in [*changes, last]:
        assert list(document) == ["format", "command", "exit_code", "data", "warnings", "error"]
        assert document["command"] == arguments[0]
    assert last["exit_code"] == code
    assert last["data"] is not None
    assert (last["error"] is not None) is (code == 3)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_on_a_terminal(verb, world, on_terminal):
    arguments, code, _ = VERBS[verb]
    if arguments[0] == "wait":  # its bar moves the cursor
        arguments = (*arguments, "--timeout=0.2", "--polling=0.05")
    shown = on_terminal(*filled(arguments, world), version=world.version)
    assert shown.exit_code == code
    assert shown.stdout
    assert is_safe(shown.stdout)


def test_the_list_is_the_newest_first_and_filtered(world, run):
    if not world.has_queries:
        result = run("list", version=world.version)
        assert result.exit_code == 2
        assert "v0.2.0 cannot list jobs, so nothing was sent" in result.stderr
        assert "show, wait and counts work" in result.stderr
        assert json.loads(run("list", "--json", version="v0.2.0").stdout)["exit_code"] == 2
        return
    result = run("list", "--tag", "of-the-world", "--since", "1 hour")
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == [
        world.stuck,
        world.failed,
        world.finished,
    ]
    assert is_safe(result.stdout)
    selected = {
        world.failed: ["--status", "failed"],
        world.stuck: ["--target", "emulated_line_qpu", "--limit", "1"],
        world.finished: ["--status", "COMPLETED", "--until", "now"],
    }
    for job_id, options in selected.items():
        document = json.loads(run("list", "--tag", "of-the-world", *options, "--json").stdout)
        (job,) = document["data"]["jobs"]
        assert job["job_id"] == job_id
        assert job["tags"] == ["of-the-world", f"odd {HOSTILE}"]
    assert run("list", "--until", "2001-01-01").stdout == ""
    assert run("list", "--status", "nope").exit_code == 2
    assert run("list", "--since", "tomorrow").exit_code == 2


@pytest.mark.parametrize("columns", [40, 80, 250])
def test_the_list_fits_any_terminal(columns, world, on_terminal):
    if not world.has_queries:
        return
    shown = on_terminal("list", "--status", "completed", "--limit", "1", columns=columns)
    plain = without_colours(shown.stdout)
    # A narrow one gets two lines for each job, which it may wrap, but no table.
    assert ("submitted" in plain) is (columns == 250)
    assert re.search(r"^ ?[0-9a-f]{8}-[0-9a-f-]{27} +completed\b", plain, re.MULTILINE)


@pytest.mark.parametrize("verb", ["show", "targets", "cancel"])
@pytest.mark.parametrize("columns", [10, 40])
def test_nothing_is_cut_off_on_a_narrow_terminal(verb, columns, world, on_terminal, run):
    words = [verb, world.finished] if verb != "targets" else [verb]
    yes = ["--yes"] if verb == "cancel" else []
    plain = run(*words, *yes, version=world.version).stdout
    shown = on_terminal(*words, *yes, version=world.version, columns=columns).stdout
    kept = re.sub(r"\s", "", without_colours(shown))
    for line in plain.splitlines():
        for cell in line.split("\t"):
            if not re.match("20..-", cell) and len(cell) > 1:  # the time of the request
                assert re.sub(r"\s", "", cell) in kept or columns == 40, cell


def test_a_job_named_in_two_spellings_is_one_job(world, run):
    version = world.version
    twice = (
        world.finished,
        world.finished.upper(),
        f" {world.finished}",
        f"URN:UUID:{world.finished}",
    )
    for verb in ("show", "wait"):
        document = json.loads(run(verb, *twice, "--json", version=version).stdout)
        assert [each["job_id"] for each in document["data"]["jobs"]] == [world.finished]


def test_an_outcome_has_a_bar_on_a_terminal_only(world, on_terminal, run):
    shown = on_terminal("counts", world.finished, "--circuit=0", version=world.version)
    assert f"  10 {'█' * 40} 20 100.0%" in without_colours(shown.stdout)
    plain = on_terminal("counts", world.finished, version=world.version, encoding="cp1252")
    assert "#" * 40 in plain.stdout
    csv = run("counts", world.finished, "--csv", version=world.version).stdout
    assert csv == "circuit,outcome,count\n0,10,20\n1,10,20\n"
    assert run("counts", world.finished, "--csv", "--json").exit_code == 2


def test_a_bar_has_no_colour_if_none_is_wanted(world, on_terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    shown = on_terminal("show", world.finished, version=world.version)
    assert not re.search(r"\x1b\[[0-9;]*3\dm", shown.stdout)


def test_counts_that_are_not_there_are_an_error(world, run):
    version = world.version
    stuck = run("counts", world.stuck, version=version)
    assert stuck.exit_code == 1
    assert f"superstaq-jobs wait {world.stuck}" in stuck.stderr
    failed = run("counts", world.failed, version=version)
    assert failed.exit_code == 1
    assert "broken" in failed.stderr
    assert is_safe(failed.stderr)
    far = run("counts", world.finished, "--circuit", "7", version=version)
    assert (far.exit_code, "circuits 0 to 1" in far.stderr) == (1, True)


def test_a_job_is_submitted_waited_for_and_cancelled(world, run):
    version = world.version
    submit = ("submit", "--target", "emulated_line_qpu", "--shots", "5")
    job_id = run(*submit, *world.files, version=version).stdout.strip()
    shown = json.loads(run("show", job_id, "--json", version=version).stdout)["data"]["jobs"][0]
    assert shown["num_circuits"] == 3
    assert run("cancel", job_id, version=version, stdin="no\n").exit_code == 1
    asked = run("cancel", job_id, version=version)
    assert asked.exit_code == 2
    assert "nothing was sent, since it was not confirmed: pass --yes" in asked.stderr
    cancelled = run("cancel", job_id, version=version, stdin="y\n")
    assert cancelled.exit_code == 0
    assert cancelled.stdout == f"{job_id}\tcancelled\n"
    assert run("wait", job_id, version=version).exit_code == 1


def test_one_circuit_is_cancelled_where_the_api_can(world, run):
    version, file = world.version, world.files[1]
    submit = ("submit", file, "--target", "emulated_line_qpu", "--shots", "5")
    job_id = run(*submit, version=version).stdout.strip()
    result = run("cancel", job_id, "--circuit", "1", "--yes", version=version)
    assert result.exit_code == (1 if world.has_queries else 0)
    assert "cancels whole jobs only" in result.stderr or not world.has_queries
    assert run("cancel", job_id, job_id + "0", "--circuit", "1", "--yes").exit_code == 2


def test_what_has_changed_is_shown(world, run, tmp_path):
    version = world.version
    submit = ("submit", "--target", "emulated_line_qpu", "--shots", "5", world.files[0])
    job_id = run(*submit, version=version).stdout.strip()
    wait = ("wait", job_id, "--timeout", "0.4", "--polling", "0.05", "--record", "study.db")
    assert run(*wait, version=version).exit_code == 3
    shown = run("show", job_id, "--json", version=version)
    (tmp_path / "before.json").write_text(shown.stdout)
    same = run("diff", "before.json", "--exit-code", version=version)
    assert (same.exit_code, same.stdout) == (0, f"job {job_id}: no changes\n")
    run("cancel", job_id, "--yes", version=version)
    shown = run("show", job_id, "--json", version=version)
    (tmp_path / "after.json").write_text(shown.stdout)
    for arguments in (
        ["before.json"],
        ["before.json", "after.json"],
        ["--archive", "study.db", job_id],
    ):
        changed = run("diff", *arguments, "--exit-code", version=version)
        assert changed.exit_code == 1
        assert re.search(rf"^job {job_id}\n  circuit 0: status pending → cancelled", changed.stdout)
    document = json.loads(run("diff", "before.json", "--json", version=version).stdout)
    (change,) = document["data"]["diffs"]
    assert change["circuits"][0]["after"]["status"] == "cancelled"
    for wrong in (["nope.json"], ["study.db"], ["a", "b", "c"]):
        assert run("diff", *wrong, version=version).exit_code == 2


def test_what_the_server_says_is_neither_markup_nor_obeyed(world, run, on_terminal):
    for arguments in (("show", world.failed), ("watch", world.failed)):
        shown = on_terminal(*arguments, version=world.version, columns=200)
        assert is_safe(shown.stdout)
        piped = run(*arguments, version=world.version)
        assert is_safe(piped.output)
    shown = on_terminal("show", world.failed, version=world.version, columns=200)
    assert "[red]x[/] [link=http://e.example]" in shown.stdout


def test_nothing_is_shown_raw_in_any_encoding(world, on_terminal):
    for encoding in ("ascii", "cp1252", "cp437"):
        shown = on_terminal("show", world.failed, version=world.version, encoding=encoding)
        assert shown.exit_code == 0
        assert is_safe(shown.stdout)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_no_way_to_write_lets_anything_through(is_terminal, capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Tty("utf-8")
    out = Output()
    with contextlib.redirect_stdout(stream) if is_terminal else contextlib.nullcontext():
        out.line(HOSTILE, (HOSTILE, "red"))
        out.table([Column("name"), Column("x", right=True)], [(HOSTILE, (HOSTILE, "blue"))])
        out.table([Column("name")], [(HOSTILE,)], title=HOSTILE, boxed=True)
        out.facts([(HOSTILE, HOSTILE), ("name", (HOSTILE, "green"))])
        out.bars([(HOSTILE, "3", 0.5), (HOSTILE, "0", None)])
    out.note(HOSTILE, before=f"{HOSTILE}\n")
    out.warn(HOSTILE)
    captured = capsys.readouterr()
    written = stream.text() if is_terminal else captured.out
    assert written.count("[red]x[/]") >= (5 if is_terminal else 8)
    assert is_safe(written)
    assert is_safe(captured.err)


def test_the_command_that_goes_on_has_no_password():
    session = Session(proxy="http://me:secret@127.0.0.1:1", host="http://127.0.0.1:2")
    session.goes_on = ["wait", "a b"]
    known = "superstaq-jobs wait 'a b' --host http://127.0.0.1:2 --proxy http://127.0.0.1:1"
    assert session.resume == known
