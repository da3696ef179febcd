"""Check a release before it is uploaded: ``python tests/release/check.py``, which CI runs.

Builds the sdist, and the wheel from it, into ``dist/``. Checks what an index would show of them,
and that the sdist holds every file of the repository. Then installs the wheel alone into an empty
environment of each Python that is found, and runs ``smoke.py`` there. Needs the dependency group
``release``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import dev  # noqa: E402 - the folder of dev.py is not on the path

DIST = ROOT / "dist"
SMOKE = Path(__file__).with_name("smoke.py")
NOT_IN_AN_SDIST = (".ci/",)


def run(*command: str | Path, **variables: str) -> None:
    """Run a program; an error ends this one."""
    subprocess.run(list(map(str, command)), check=True, cwd=ROOT, env=os.environ | variables)


def build() -> tuple[Path, Path]:
    """The sdist and the wheel, just built."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST)
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
    return sdist, wheel


def missing_from(sdist: Path) -> list[str]:
    """The files of the repository that an sdist lacks; none where there is no repository."""
    listed = subprocess.run(
        ["git", "ls-files"], check=False, capture_output=True, text=True, cwd=ROOT
    )
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    tracked = listed.stdout.splitlines()
    return [n for n in tracked if n not in held and not n.startswith(NOT_IN_AN_SDIST)]


def try_out(wheel: Path, python: str) -> None:
    """Use the wheel in an environment that has nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        run(python, "-m", "venv", "--without-pip", folder)
        inner = Path(folder) / dev.PROGRAMS_IN / "python"
        run(sys.executable, "-m", "pip", "--python", inner, "install", "--quiet", wheel)
        run(inner, "-I", "-W", "error", SMOKE, HOME=folder)


def main(arguments: Sequence[str]) -> int:
    """Check everything; the exit status."""
    sdist, wheel = build()
    if missing := missing_from(sdist):
        print(f"{sdist.name} lacks {len(missing)} files, such as {missing[0]}")
        return 1
    for python in arguments or [sys.executable, *dev.other_pythons().values()]:
        try_out(wheel, python)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
