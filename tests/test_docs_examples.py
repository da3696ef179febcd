"""Every example in the documentation, the README and the docstrings runs.

Each page, and the docstrings of each module, is one test, whose examples share their names and run
in order. Set-up code that a reader does not need is in
``<!--- invisible-code-block: python ... -->``. A ``text`` block directly behind an example is what
it prints, or the last lines of its traceback; ``...`` stands for anything. If the numbers in it are
random, ``<!--- numbers vary -->`` stands before it. An example that defines tests is run by pytest.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import sys
import traceback
import types
from pathlib import Path

import pytest
from emulators import prompt_simulator, simulator  # noqa: F401 - fixtures
from hypothesis import HealthCheck, settings
from markdown_it import MarkdownIt
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser
from sybil.parsers.rest import DocTestParser

import superstaq_jobs as sj
from superstaq_jobs.emulator import OFFICIAL_TARGETS, Emulator
from superstaq_jobs.testing import pytest_plugin

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

HOW_TO = sorted((DOCS / "how-to").glob("*.md"))
REFERENCE = sorted((DOCS / "reference").glob("*.md"))
PAGES = sorted((ROOT / "README.md", *DOCS.glob("*.md"), *HOW_TO, *REFERENCE))
OTHERS = [ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md")]
MODULES = sorted(
    path
    for path in (ROOT / "superstaq_jobs").rglob("*.py")
    if re.search(r"^\s*>>> ", path.read_text(), re.MULTILINE)
)
WITH_A_CLIENT = {
    DOCS / f"{name}.md"
    for name in (
        *("archive", "circuits", "errors", "live-and-stale", "migrating", "patience"),
        *("how-to/many-jobs", "how-to/survive-a-crash", "how-to/worker-processes"),
        *("how-to/cluster",),
        *(f"reference/{path.stem}" for path in REFERENCE),
    )
}
"""Pages whose examples start with a running ``server`` and its ``client``."""

WITH_A_SERVICE = {
    ROOT / "README.md",
    *(DOCS / f"{name}.md" for name in ("migrating", "real-service", "how-to/keep-keys-safe")),
}
"""Pages with examples for the service itself: the environment names an emulator in its place."""

SLOW = [HealthCheck.too_slow]
STUDY = DOCS / "examples" / "study" / "study.py"
BELL = "OPENQASM 3.0; include 'stdgates.inc'; qubit[2] q; h q[0]; cx q[0], q[1];"


class Script(PythonEvaluator):
    """Runs a block, and compares what it prints with the text block directly behind it."""

    shown = re.compile(
        r"(?:```)?\n\s*(?P<vary><!--- numbers vary -->\s*)?```text\n(?P<text>.*?)^```",
        re.DOTALL | re.MULTILINE,
    )

    def __init__(self, run_tests):
        super().__init__()
        self.run_tests = run_tests

    def __call__(self, example):
        # A block of its own with the same lines and names; invisible blocks show nothing.
        shown = self.shown.match(example.document.text, example.region.end)
        known = set(example.namespace)
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                super().__call__(example)
        except (sj.SuperstaqException, TypeError, AttributeError, ValueError) as error:
            if shown is None:
                raise
            printed.write("".join(traceback.format_exception_only(error)))
        if shown is not None:
            assert_shown(printed.getvalue(), shown["text"], vary=shown["vary"] is not None)
        if new := {name for name in set(example.namespace) - known if name.startswith("test_")}:
            self.run_tests(example.namespace, str(example.parsed), len(new))


def assert_shown(printed, text, *, vary):
    """Compare as doctest does, on request with any digits for digits."""
    if vary:
        printed, text = (
            re.sub(r"[0-9a-f]{8}-[-0-9a-f]+|\d+", "0", each) for each in (printed, text)
        )
    checker = doctest.OutputChecker()
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    # The traceback of a script ends with the name of the error and its message.
    text = re.sub(r"\ATraceback \(most recent call last\):\n", "", text)
    if not checker.check_output(text, printed, flags):
        pytest.fail(f"the page says\n{text}\nand the example prints\n{printed}")


@pytest.fixture
def run_tests(monkeypatch, tmp_path):
    """Run an example that defines tests, with the names of its page, by pytest in this process."""

    def run(names, source, how_many):
        page = types.ModuleType("the_page")
        vars(page).update({name: each for name, each in names.items() if name[:5] != "test_"})
        monkeypatch.setitem(sys.modules, page.__name__, page)
        path = tmp_path / f"test_{abs(hash(source))}.py"
        path.write_text(f"from the_page import *\n\n{source}")
        own = ["-p", "no:superstaq_jobs", "-p", pytest_plugin.__name__]
        ini = ["-c", str(DOCS / "example_pipeline" / "pyproject.toml"), f"--rootdir={tmp_path}"]
        passed = Passed()
        assert pytest.main([*own, *ini, "-q", str(path)], plugins=[passed]) == 0
        assert passed.count == how_many

    # A handful of examples show that a strategy is called as it can be.
    profile = settings.get_current_profile_name()
    settings.register_profile("docs", max_examples=5, deadline=None, suppress_health_check=SLOW)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--hypothesis-profile=docs")
    yield run
    settings.load_profile(profile)


class Passed:
    """A plugin of pytest that counts the tests that have passed."""

    count = 0

    def pytest_runtest_logreport(self, report):
        self.count += report.when == "call" and report.passed


@pytest.fixture
def world(request, simulator, prompt_simulator, monkeypatch, tmp_path):  # noqa: F811
    """The names that a page's examples start with."""
    path = request.node.callspec.params["path"]
    if path == DOCS / "study.md":
        yield {"STUDY": str(STUDY)}
        return
    if path not in WITH_A_CLIENT | WITH_A_SERVICE:
        yield {}
        return
    # A client of the real service polls every five seconds.
    options = (
        {"simulator": prompt_simulator, "step_seconds": 0}
        if path in WITH_A_SERVICE
        else {"simulator": simulator, "step_seconds": 0.1}
    )
    with (
        Emulator(**options, targets=OFFICIAL_TARGETS) as server,
        sj.SuperstaqClient(server.api_key, server.url) as client,
    ):
        if path in WITH_A_SERVICE:
            monkeypatch.setenv("SUPERSTAQ_API_KEY", server.api_key)
            monkeypatch.setenv("SUPERSTAQ_REMOTE_HOST", server.url)
        if path not in WITH_A_CLIENT:
            yield {"server": server}
            return
        new = sj.NewJob(
            target="ss_unconstrained_simulator", circuits=[BELL], job_type="simulate", shots=100
        )
        job_id = sj.submit_job(client, new).job_id
        names = {"sj": sj, "server": server, "client": client, "job_id": job_id}
        yield {**names, "folder": tmp_path, "BELL": BELL}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_of_a_page(path, world, run_tests, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = Sybil(parsers=[CodeBlockParser("python", Script(run_tests))]).parse(path)
    document.namespace.update(world)
    for example in document.examples():
        example.evaluate()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_of_a_modules_docstrings(path):
    sybil = Sybil(
        parsers=[DocTestParser(optionflags=doctest.ELLIPSIS)],
        document_types={".py": PythonDocStringDocument},
    )
    examples = list(sybil.parse(path).examples())
    assert examples
    for example in examples:
        example.evaluate()


# ---- no block is left out ------------------------------------------------------------------------

NOT_PYTHON = {"text", "console", "shell", "json"}
"""What a program prints, commands with and without their prompt, and data."""

RUN_ELSEWHERE = {
    *(("examples", each) for each in ("first", "how-to", "study", "bell_parity.py")),
    ("examples", "test_given_with_client.py"),  # by tests/testing/test_given_with_client.py
    *(("example_pipeline", each) for each in ("calibration", "tests")),
}
"""Where the files are that ``test_docs.py`` runs."""


def fences(path):
    return [token for token in MarkdownIt().parse(path.read_text()) if token.type == "fence"]


@pytest.mark.parametrize("path", [*PAGES, *OTHERS], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_of_a_page_runs_or_is_of_another_kind(path):
    scripts = []
    parsed = Sybil(parsers=[CodeBlockParser("python", scripts.append)]).parse(path)
    visible = [e for e in parsed.examples() if "```" in parsed.text[e.region.start :][:20]]
    assert "skip:" not in path.read_text()
    blocks = fences(path)
    assert len(visible) == sum(block.info == "python" for block in blocks)
    for block in blocks:
        directive = re.match(r"\{([a-z0-9-]+)\} *(\S*)", block.info)
        if directive is None:
            assert block.info in NOT_PYTHON | {"python"}, block.content
        elif directive[1] == "literalinclude":
            included = DOCS / directive[2].removeprefix("/")
            assert included.is_file()
            assert included.relative_to(DOCS).parts[:2] in RUN_ELSEWHERE
    tokens = MarkdownIt().parse(path.read_text())
    assert not [token.content for token in tokens if token.type == "code_block"]


@pytest.mark.parametrize("path", [*PAGES, *OTHERS], ids=lambda path: str(path.relative_to(ROOT)))
def test_an_example_is_a_script_and_not_a_session(path):
    assert not [block.content for block in fences(path) if block.content.startswith(">>> ")]
