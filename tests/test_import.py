"""What importing the package loads, and when."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import superstaq_jobs as sj

WATCHED = {"attr", "cattrs", "msgspec", "urllib3", "tenacity", "http.client", "hypothesis"}
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
        ("starlette", "superstaq_jobs.emulator", "emulator"),
        ("uvicorn", "superstaq_jobs.emulator", "emulator"),
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
        f" {missing}: pip install 'superstaq_jobs[{extra}]'"
    )


def test_every_public_name_is_where_the_table_says():
    tree = ast.parse(Path(sj.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imported = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module != "_version"
        for alias in node.names
    }
    assert imported == sj._MODULE_OF
    assert set(imported) | {"__version__"} == set(sj.__all__) <= set(dir(sj))
    for name in sj.__all__:
        assert getattr(sj, name) is not None


def test_modules_are_attributes_and_what_there_is_not_is_none():
    assert sj.errors.SuperstaqException is sj.SuperstaqException
    with pytest.raises(AttributeError, match="job_snapshot"):
        _ = sj.job_snapshot
