"""dev.py on computers that lack something: it says what, and what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEV = Path(__file__).resolve().parent.parent / "dev.py"
HIDDEN = "import sys; sys.modules[{module!r}] = None"
OLDER = """
import runpy, sys
sys.version_info, sys.version, sys.argv = (3, 10, 13), "3.10.13 (main)", [{dev!r}, "demo"]
runpy.run_path({dev!r}, run_name="__main__")
"""


@pytest.mark.parametrize("module", ["ensurepip", "venv"])
def test_a_python_without_venv_is_told_which_package_to_install(module, tmp_path):
    shutil.copy(DEV, tmp_path)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(HIDDEN.format(module=module))
    done = subprocess.run(
        [sys.executable, "dev.py", "demo"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(hidden)},
    )
    assert done.returncode == 1
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    assert f"sudo apt install {package}" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev.py", "hidden"]


def test_an_older_python_is_told_that_it_is_one():
    script = OLDER.format(dev=str(DEV))
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == 2
    assert b"needs Python 3.11 or newer; this is 3.10.13\n" in done.stdout


@pytest.fixture(name="dev")
def _dev():
    before = list(sys.path)
    sys.path.insert(0, str(DEV.parent))
    try:
        import dev
    finally:
        sys.path[:] = before
    return dev


def test_it_says_how_much_it_installs(dev):
    assert dev.SIZES.keys() == {*dev.INSTALLS, "the core's tests"}


def test_checks_that_run_side_by_side_share_no_temporary_files(dev):
    script = "import tempfile; print(tempfile.mkdtemp())"
    environment = Path(sys.prefix)
    made = [Path(dev.check(["python", "-c", script], environment).output.strip()) for _ in range(2)]
    assert made[0].parent != made[1].parent
    assert not any(path.parent.exists() for path in made)
