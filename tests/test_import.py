"""What importing the package loads, and when."""

from __future__ import annotations

import ast
import importlib
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import superstaq_jobs as sj

WATCHED = {
    "attr",
    "cattrs",
    "msgspec",
    "urllib3",
    "tenacity",
    "http.client",
    "hypothesis",
    "html",
    "matplotlib",
    "sqlite3",
    "zlib",
}
READ = "snapshot, = sj.decode_jobs(sj.encode_jobs([])) or [None]; sj.Counts({'0': 1}).marginal([0])"
CLIENT = "sj.SuperstaqClient('key', 'http://localhost')"


def loaded_by(script: str) -> set[str]:
    code = f"import sys, superstaq_jobs as sj\n{script}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    return WATCHED & set(done.stdout.split())


@pytest.mark.parametrize(
    ("script", "loaded"),
    [
        ("", set()),
        ("sj.JobSnapshot, sj.diff", {"attr"}),
        (READ, {"attr", "msgspec"}),
        ("sj.SuperstaqClient, sj.JobHandle, sj.fetch_job", {"attr", "msgspec"}),
    ],
)
def test_what_is_loaded(script, loaded):
    assert loaded_by(script) == loaded


def test_a_client_loads_what_it_sends_with():
    assert "urllib3" in loaded_by(CLIENT)


@pytest.mark.parametrize(
    ("missing", "module", "extra"),
    [
        ("qiskit", "superstaq_jobs.emulator", "emulator"),
        ("qiskit_aer", "superstaq_jobs.emulator", "emulator"),
        ("hypothesis", "superstaq_jobs.testing.strategies", "testing"),
    ],
)
def test_what_needs_an_extra_says_which(missing, module, extra):
    code = f"import sys; sys.modules[{missing!r}] = None\nimport {module}"
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.stderr.splitlines()[-1] == (
        f"ModuleNotFoundError: {'the strategies need' if extra == 'testing' else f'{module} needs'}"
        f" {missing}: in a clone of superstaq_jobs, pip install '.[{extra}]'"
    )


def test_every_public_name_is_where_the_table_says():
    tree = ast.parse(Path(sj.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    typed = {}
    for node in tree.body:
        module = importlib.import_module(f"superstaq_jobs.{node.module}")
        for alias in node.names:
            # Only `*` and `X as X` are names that type checkers let a user import.
            assert alias.name in {"*", alias.asname}
            for name in module.__all__ if alias.name == "*" else [alias.name]:
                typed[name] = getattr(module, name)
    assert typed == {name: getattr(sj, name) for name in sj.__all__}
    assert set(sj.__all__) <= set(dir(sj))


def test_a_star_import_brings_every_public_name():
    names = {}
    exec("from superstaq_jobs import *", names)  # noqa: S102
    names.pop("__builtins__")
    assert names == {name: getattr(sj, name) for name in sj.__all__}


def test_before_anything_is_loaded_every_name_and_module_is_listed():
    code = "import superstaq_jobs as sj; print(*dir(sj))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {*sj.__all__, *sj._MODULES} <= set(done.stdout.split())


@pytest.mark.parametrize("name", ["JobSnapshot", "JobHandle", "WaitTimeout", "fetch_job", "Pace"])
def test_a_public_name_pickles_into_a_process_that_has_loaded_nothing(name):
    code = "import sys, pickle; print(pickle.load(sys.stdin.buffer).__name__)"
    data = pickle.dumps(getattr(sj, name))
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert done.stdout.split() == [name.encode()]


def test_modules_are_attributes_and_a_name_that_does_not_exist_is_an_attribute_error():
    assert sj.errors.SuperstaqException is sj.SuperstaqException
    assert sj.waiting.PollPolicy is sj.PollPolicy
    with pytest.raises(AttributeError, match="job_snapshot"):
        _ = sj.job_snapshot
