"""The page on the command line: each command on it runs, and shows what the page says it shows.

Ids, times, addresses and numbers differ from run to run, and are compared as such.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from superstaq_jobs.cli.app import app
from superstaq_jobs.emulator import Emulator

PAGE = Path(__file__).resolve().parents[2] / "docs" / "command-line.md"
BLOCK = re.compile(r"^```(console|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SOME = [
    (UUID, "ID"),
    (re.compile(r"[0-9a-f]{64}"), "DIGEST"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T][\d:.]+( ?UTC|Z|[+-][\d:]+)?"), "TIME"),
    (re.compile(r"█+"), "BAR"),
    (re.compile(r"─+"), "LINE"),
    (re.compile(r"^extra .*\n( .*\n)*", re.MULTILINE), ""),
    (re.compile(r"\d[\d.:]*"), "0"),
    (re.compile(r" +"), " "),
    (re.compile(r" $", re.MULTILINE), ""),
]


def form(text):
    """A text without what differs from run to run."""
    for pattern, name in SOME:
        text = pattern.sub(name, text)
    return text.strip()


def commands(block):
    """The commands of a block, each with the output below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


@pytest.fixture
def play(on_terminal, environment, simulator, tmp_path):
    """Run the commands of the page; yields each, what it should show, and what it does."""
    text = PAGE.read_text()
    (program,) = [found[2] for found in BLOCK.finditer(text) if "OPENQASM" in found[2]]
    (tmp_path / "bell.qasm").write_text(program)
    real = {}  # of the ids on the page, those of this run

    def play_page():
        for found in BLOCK.finditer(text):
            for command, expected in commands(found[2]) if found[1] == "console" else ():
                known = UUID.sub(lambda each: real.get(each[0], each[0]), command)
                arguments, _, file = known.removeprefix("superstaq-jobs ").partition(" > ")
                shown = on_terminal(*shlex.split(arguments))
                output = shown.stdout
                if file:
                    (tmp_path / file).write_text(output)
                    output = ""
                said = re.sub(r"\x1b\[[0-9;]*m", "", output or ("" if file else shown.stderr))
                real.update(zip(UUID.findall(expected), UUID.findall(said), strict=False))
                yield command, expected, said

    with Emulator(step_seconds=0, simulator=simulator, seed=0) as server:
        environment.setenv("SUPERSTAQ_REMOTE_HOST", server.url)
        yield play_page


def test_each_command_shows_what_the_page_says(play):
    played = list(play())
    assert len(played) > 20
    for command, expected, said in played:
        assert form(expected) == form(said), command


def test_every_verb_and_shared_option_is_on_the_page():
    text = PAGE.read_text()
    for verb in app.list_commands(None):
        assert re.search(rf"superstaq-jobs {verb}\b", text), verb
    for option in (name for each in app.params for name in each.opts if name.startswith("--")):
        assert option in text or option in {"--verbose", "--version", "--remote-host"}
