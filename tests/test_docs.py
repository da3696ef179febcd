"""The documentation's tables are complete, and its scripts, pictures and example project run.

``test_docs_examples.py`` runs the examples on its pages.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import qiskit
from emulators import prompt_simulator, simulator  # noqa: F401 - fixtures
from worlds import JOB, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.emulator import OFFICIAL_TARGETS, Emulator
from superstaq_jobs.testing import ScriptedTransport

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
REFERENCE = sorted((DOCS / "reference").glob("*.md"))
STUDY = DOCS / "examples" / "study" / "study.py"


# ---- the tables --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables():
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(str(DOCS))
        import tables

        yield tables
        del sys.modules["tables"]


def test_every_exception_is_in_the_tree_and_in_a_situation(tables):
    public = {
        name
        for name in sj.__all__
        if inspect.isclass(getattr(sj, name)) and issubclass(getattr(sj, name), Exception)
    } - {"SuperstaqWarning"}
    assert {kind.__name__ for _, kind in tables.walk_errors()} == public
    page = (DOCS / "troubleshooting.md").read_text()
    bases = {"SuperstaqException"}
    assert {name for name in public - bases if f"`{name}`" not in page} == set()


def messages():
    """The strings of the library, with … in place of what is inserted."""
    for path in (ROOT / "superstaq_jobs").rglob("*.py"):
        tree = ast.parse(path.read_text())
        alone = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in alone:
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                parts = (getattr(part, "value", None) for part in node.values)
                yield "".join(part if isinstance(part, str) else "…" for part in parts)


def test_every_message_of_the_troubleshooting_page_is_one_of_the_library():
    page = (DOCS / "troubleshooting.md").read_text()
    rows = re.findall(r"^\| (`[^|]*`) \|", page, re.MULTILINE)
    shown = [fragment for row in rows for fragment in re.findall(r"`([^`]+)`", row)]
    assert len(shown) > 50
    known = list(messages())

    def is_known(fragment):
        pattern = re.compile(".*".join(map(re.escape, fragment.split(" … "))), re.DOTALL)
        return any(pattern.search(message) for message in known)

    assert [fragment for fragment in shown if not is_known(fragment)] == []


def test_the_drawn_tree_is_indented_by_depth(tables):
    lines = tables.error_tree().splitlines()
    drawn = [(len(line) - len(line.lstrip()), line) for line in lines]
    expected = [(2 * depth, kind.__name__) for depth, kind in tables.walk_errors()]
    assert [indent for indent, _ in drawn] == [indent for indent, _ in expected]
    assert all(f"`{name}`" in line for (_, line), (_, name) in zip(drawn, expected, strict=True))


def test_the_tree_in_the_docstring_is_the_tree_of_the_code(tables):
    drawn = re.findall(r"^ {4}([│ ├└─]*)(\w+) ", sj.errors.__doc__, re.MULTILINE)
    assert [(len(indent) // 4, name) for indent, name in drawn] == [
        (depth, kind.__name__) for depth, kind in tables.walk_errors()
    ]


def test_every_name_that_talks_is_public(tables):
    assert tables.TALKS.keys() <= tables.public_names().keys()


def test_every_function_with_a_client_talks(tables):
    with_client = {
        name
        for name, thing in tables.public_names().items()
        if inspect.isfunction(thing) and "client" in inspect.signature(thing).parameters
    }
    assert with_client - {"JobHandle.from_snapshot", "resume"} <= tables.TALKS.keys()


def test_names_of_a_handle_that_do_not_talk_send_nothing(tables):
    transport = ScriptedTransport()
    handle = sj.JobHandle(client_on(transport), JOB)
    quiet = {
        name.removeprefix("JobHandle.")
        for name in tables.public_names()
        if name.startswith("JobHandle.") and name not in tables.TALKS
    }
    for name in quiet:
        member = getattr(handle, name)
        if name == "from_snapshot":
            member(client_on(transport), job("running"))
        elif name.startswith("set_counts"):
            with pytest.raises(sj.SuperstaqException):
                member()
        elif callable(member):
            member()
    assert transport.requests == ()
    own = {"job_id", "latest", "polled_at", "client", "circuit_type", "from_snapshot"}
    assert quiet == own | {"set_counts", "set_counts_for_circuit"}


@pytest.mark.parametrize(
    "name", ["cancel", "job_data", "metadata", "refresh", "status", "tags", "target", "to_dict"]
)
def test_names_of_a_handle_that_talk_do(tables, name):
    transport = ScriptedTransport.from_function(lambda _: pytest.fail("sent"))
    handle = sj.JobHandle(client_on(transport), JOB)
    assert f"JobHandle.{name}" in tables.TALKS
    with pytest.raises(pytest.fail.Exception, match="sent"):
        getattr(handle, name)()


def test_reading_a_snapshot_needs_nothing(tables):
    snapshot = job("completed")
    for name in tables.public_names():
        head, _, member = name.partition(".")
        if head == "JobSnapshot" and member:
            getattr(snapshot, member)
            assert name not in tables.TALKS


def test_every_error_named_in_a_docstring_exists(tables):
    known = {kind.__name__ for _, kind in tables.walk_errors()} | {
        "AssertionError",
        "ModuleNotFoundError",
        "OSError",
        "TypeError",
        "ValueError",
    }
    named = {error for thing in tables.public_names().values() for error in tables.raised(thing)}
    assert named <= known


def test_every_status_has_a_meaning(tables):
    assert set(tables.MEANINGS) == set(sj.CircuitStatus)


def test_every_word_of_the_other_version_has_its_status(tables):
    rows = tables.old_words().splitlines()[2:]
    read = {row.split("|")[1].strip(" `"): row.split("|")[3].strip(" `") for row in rows}
    assert set(read.values()) <= set(sj.CircuitStatus) - {"unknown"}
    assert (len(read), read["Done"], read["Queued"]) == (9, "completed", "pending")
    assert read["Canceled"] == read["Cancelled"] == "cancelled"


# ---- the reference -------------------------------------------------------------------------------


@pytest.fixture
def public(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import public

    yield public
    del sys.modules["public"]


def test_every_public_name_is_in_the_reference_once(public):
    listed = {"superstaq_jobs": ["__version__"]}
    for page in REFERENCE:
        for face, names in re.findall(
            r"^```\{public-names\} (\S+)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL
        ):
            shown = public.listed(names.splitlines() or public.names_of(face))
            listed.setdefault(face, []).extend(shown)
    assert {"superstaq_jobs.emulator", "superstaq_jobs.testing"} < set(listed)
    for face, names in listed.items():
        every = sj.__all__ if face == "superstaq_jobs" else public.names_of(face)
        assert sorted(names) == sorted(every)


@pytest.mark.parametrize("page", REFERENCE, ids=lambda page: page.stem)
def test_every_public_name_has_an_example_in_its_section_or_its_docstring(page, public):
    """The examples run: ``test_docs_examples.py`` leaves out none."""
    for section in page.read_text().split("\n## "):
        scripts = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
        nodes = [node for script in scripts for node in ast.walk(ast.parse(script))]
        used = {getattr(node, "id", getattr(node, "attr", None)) for node in nodes}
        used |= {node.arg for node in nodes if isinstance(node, ast.arg)}  # fixtures
        for face, names in re.findall(
            r"^```\{public-names\} (\S+)\n(.*?)^```", section, re.MULTILINE | re.DOTALL
        ):
            module = importlib.import_module(face)
            for name in public.listed(names.splitlines() or public.names_of(face)):
                documented = inspect.getdoc(getattr(module, name)) or ""
                assert name in used or ">>> " in documented, f"{face}.{name} has no example"


def test_an_object_is_documented_under_its_public_name(public):
    for module in ("superstaq_jobs.errors", "superstaq_jobs.handle"):
        importlib.import_module(module)
    kind = sj.SuperstaqException
    assert (
        public.path_of(f"{kind.__module__}.{kind.__name__}") == "superstaq_jobs.SuperstaqException"
    )
    assert public.path_of("superstaq_jobs.handle.JobHandle.refresh") == (
        "superstaq_jobs.JobHandle.refresh"
    )
    # Known, but not public: named without a link. Unknown: a broken reference.
    assert public.exists("superstaq_jobs.handle.__all__")
    assert public.path_of("superstaq_jobs.handle.__all__") is None
    for unknown in ("superstaq_jobs.handle.Nothing", "superstaq_jobs.JobHandle.nothing", "os.path"):
        assert not public.exists(unknown)


def test_a_list_of_members_is_all_that_the_reference_shows_of_a_class(public):
    listed = public.listed(["Target: simulator flags info"])
    written = public.documented("superstaq_jobs.emulator", listed).splitlines()
    assert "   :members: simulator, flags, info" in written
    assert "   :inherited-members:" not in written  # autodoc would then ignore the list


# ---- the five first scripts ---------------------------------------------------------------------

FIRST = DOCS / "examples" / "first"
PRINTED = {
    "bell_with_plot": r"<JobSnapshot completed: 1 circuit\n(.*\n)+",
    "job_by_id": r"<JobSnapshot completed: 1 circuit\n(.*\n)+\[\('0', 7\)\]\n",
    "fifty_circuits": r"(.*\n)+.* 49 .* 6.283185\n\n\[9\d rows x 8 columns\]\n",
    "cirq_in_and_out": r"Counter\({[03]: \d+, [03]: \d+}\)\n(.*\n)*.*M\('m'\).*\n(.*\n)+",
    "qiskit_in_and_out": r"{'01': 1000}\n(.*\n)*q_0 -> .*┤M├\n(.*\n)+",
}


@pytest.mark.parametrize("version", ["v0.3.0", "v0.2.0"])
@pytest.mark.parametrize("name", PRINTED)
def test_a_first_script(name, version, prompt_simulator, tmp_path, monkeypatch, capsys):  # noqa: F811
    path = FIRST / f"{name}.py"
    assert len(path.read_text().splitlines()) <= 12
    with Emulator(simulator=prompt_simulator, step_seconds=0, targets=OFFICIAL_TARGETS) as server:
        monkeypatch.setenv("SUPERSTAQ_API_KEY", server.api_key)
        monkeypatch.setenv("SUPERSTAQ_REMOTE_HOST", server.url)
        monkeypatch.setenv("SUPERSTAQ_API_VERSION", version)
        with sj.SuperstaqClient() as client:
            circuit = qiskit.QuantumCircuit(1, 1)
            circuit.measure(0, 0)
            new = sj.new_job(circuit, target="ss_unconstrained_simulator", shots=7)
            earlier = sj.JobHandle.submit(client, new)
            earlier.wait_until_complete(timeout_seconds=60, polling_seconds=0.1)
        monkeypatch.setattr(sys, "argv", [path.name, str(earlier.job_id())])
        monkeypatch.chdir(tmp_path)
        runpy.run_path(str(path))
    assert re.fullmatch(PRINTED[name], capsys.readouterr().out)
    assert (tmp_path / "bell.png").exists() == (name == "bell_with_plot")


def test_every_first_script_is_tested_and_on_the_page():
    page = (DOCS / "first-scripts.md").read_text()
    for path in FIRST.glob("*.py"):
        assert path.stem in PRINTED
        assert f"```{{literalinclude}} examples/first/{path.name}\n" in page


# ---- the scripts of the how-to guides ------------------------------------------------------------

HOW_TO = DOCS / "examples" / "how-to"
SAID = {"workers": r"\[1.0, 1.0, 1.0, 1.0\]\n", "array_task": r"7 completed [0-9a-f-]{36}\n"}


@pytest.mark.parametrize("path", sorted(HOW_TO.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_of_a_how_to_guide(path, simulator, tmp_path):  # noqa: F811
    with Emulator(simulator=simulator, step_seconds=0) as server:
        environment = {
            **os.environ,
            "SUPERSTAQ_API_KEY": server.api_key,
            "SUPERSTAQ_REMOTE_HOST": server.url,
            "SLURM_ARRAY_TASK_ID": "7",
        }
        for _ in range(2):  # a task that is started again adopts its job
            done = subprocess.run(
                [sys.executable, str(path)],
                check=False,
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=100,
            )
            assert re.fullmatch(SAID[path.stem], done.stdout), done.stderr
            if path.stem == "workers":
                return
        assert len(server.jobs()) == 1


# ---- the study and the pictures ------------------------------------------------------------------


@pytest.fixture
def pictures(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.chdir(tmp_path)
    import pictures

    yield pictures
    del sys.modules["pictures"]


def test_the_study_finds_an_entangled_pair(pictures, capsys):
    figure = pictures.bell_parity()
    printed = re.fullmatch(r"contrast (0\.\d+), fidelity (0\.\d+)\n", capsys.readouterr().out)
    assert all(0.98 < float(number) < 1 for number in printed.groups())
    assert printed[0].strip() in (DOCS / "plots.md").read_text()
    assert [axes.get_title() for axes in figure.axes] == ["populations", "parity oscillation"]


@pytest.mark.parametrize("name", ["ghz_counts.svg", "timeline.png"])
def test_a_picture_is_the_same_each_time(pictures, name):
    one, other = (pictures.image(name, pictures.PICTURES[name]()) for _ in range(2))
    assert one == other
    assert len(one) < 60_000


def test_every_picture_is_kept(pictures):
    kept = {path.name for path in (DOCS / "_static").iterdir() if path.suffix != ".css"}
    assert kept == set(pictures.PICTURES)


OFFLINE = """
import runpy, socket, sys

def refuse(*arguments, **options):
    raise AssertionError("a socket was made")

socket.socket.__init__ = socket.getaddrinfo = refuse
sys.argv = ["study.py", "offline"]
runpy.run_path(STUDY, run_name="__main__")
"""


def test_the_archived_study_gives_the_same_bytes_without_a_socket(tmp_path):
    online, offline = tmp_path / "online", tmp_path / "offline"
    printed = []
    for folder, command in (
        (online, [str(STUDY), "online"]),
        (offline, ["-c", OFFLINE.replace("STUDY", repr(str(STUDY)))]),
    ):
        folder.mkdir()
        if folder is offline:
            for name in ("study.db", "study.lock"):
                shutil.copy(online / name, folder)
        done = subprocess.run(
            [sys.executable, *command],
            check=False,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    assert printed[0] == printed[1]
    assert re.fullmatch(r"data [0-9a-f]{16}\ncontrast( [01]\.\d{4}){3}\n", printed[0])
    made = {path.relative_to(online) for path in online.rglob("*") if path.is_file()}
    assert made == {path.relative_to(offline) for path in offline.rglob("*") if path.is_file()}
    assert len(made) == 4
    assert all((online / path).read_bytes() == (offline / path).read_bytes() for path in made)


# ---- the example project -------------------------------------------------------------------------


@pytest.fixture
def planted(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import planted

    yield planted
    del sys.modules["planted"]


def test_a_bug_that_is_not_found_fails_the_build(planted):
    harmless = planted.MIXED_UP._replace(wrong=planted.MIXED_UP.right + "    # no change\n")
    with pytest.raises(RuntimeError, match="missed its bug"):
        planted.report(harmless)
    gone = planted.MIXED_UP._replace(right="no such line")
    with pytest.raises(RuntimeError, match="no longer contains the lines"):
        planted.report(gone)


# ---- unreleased changes --------------------------------------------------------------------------


def test_every_fragment_of_the_changelog_is_on_its_page(tables):
    page = tables.unreleased()
    fragments = list((DOCS / "changelog.d").glob("*.md"))
    assert fragments
    assert page.count("\n- ") == len(fragments)
    for fragment in fragments:
        assert fragment.read_text().split("\n")[0] in page


# ---- the retry table -----------------------------------------------------------------------------

TRANSIENT = {408, 429, 500, 502, 503, 504, *range(520, 531)}
RETRIED = {
    "connection refused, no such host": (True, True),
    "reset before the request was sent": (True, True),
    "reset after the request was sent": (True, False),
    "connect timeout": (True, True),
    "read timeout": (True, False),
    "short body": (True, False),
    "TLS failure": (False, False),
    "response too large": (False, False),
    "not HTTP": (False, False),
    "status 200, but a body that cannot be decoded": (False, False),
}


@pytest.fixture(scope="module")
def retry_rows(tables):
    return list(tables.retry_rows())


def test_the_retry_table_says_what_was_decided(retry_rows):
    for label, cells in retry_rows:
        reads_and_cancel, submit = [cell == "retried" for cell in cells]
        if label in RETRIED:
            read, submitted = RETRIED[label]
        else:
            first, _, last = label.partition(" to ")
            codes = range(int(first), int(last or first) + 1)
            read, submitted = set(codes) <= TRANSIENT, False
            assert read or not set(codes) & TRANSIENT
            assert ("SubmissionUnknown" in cells[-1]) == (codes[0] >= 500)
        assert reads_and_cancel is read
        assert submit is submitted


def test_the_retry_table_has_every_status_and_every_fault(retry_rows):
    labels = [label for label, _ in retry_rows]
    assert set(RETRIED) <= set(labels)
    codes: list[int] = []
    for label in labels:
        if label not in RETRIED:
            first, _, last = label.partition(" to ")
            codes.extend(range(int(first), int(last or first) + 1))
    assert codes == [*range(100, 200), *range(300, 600)]
