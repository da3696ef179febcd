"""Set up this checkout and run it: ``python3 dev.py demo``, ``test``, ``coverage`` or ``speed``.

Needs Python 3.11 or newer with ``venv``, which Debian and Ubuntu have in a package of its own. What
a command needs is first installed into ``.venv`` beside this file. Arguments after the command are
passed to the program it runs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PROGRAMS_IN = "Scripts" if os.name == "nt" else "bin"
NEWER = [f"python3.{minor}" for minor in range(11, 30)]
SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

INSTALLS = {
    # What is not compiled in advance takes 55 MB less, and half of the time to install.
    "demo": ["--no-compile", "-e", ".[emulator,cli]"],
    "test": [
        "-e",
        ".[emulator-cirq,cli,plots,tables,testing]",
        *("--group", "test"),
        *("--group", "lint"),
        *("--group", "docs"),
        *("--group", "release"),
    ],
    "speed": ["-e", ".", "--group", "bench"],
}
INSTALLS["coverage"] = INSTALLS["test"]
CORE_INSTALL = ["--quiet", ".[progress,testing]", "--group", "test-core"]
"""What the tests of the core need, on every Python but the one of ``.venv``: the library as built,
not as it stands in this checkout."""

SIZES = {
    "demo": "about 330 MB, most of it Qiskit's and Aer's; 90 MB are downloaded",
    **dict.fromkeys(["test", "coverage"], "about 1.9 GB: every extra, and every tool"),
    "speed": "about 220 MB: the official client, and matplotlib",
    "the core's tests": "about 150 MB",
}
"""How much is installed, on Linux in November 2026."""

TESTS = ["pytest"]
PROGRAMS = {
    "test": TESTS,
    "coverage": [*TESTS, "--cov", "--cov-report=term-missing:skip-covered"],
    "demo": ["superstaq-jobs", "demo"],
    "speed": ["python", "benchmarks/speed.py"],
}

CHECKS = {  # in this order, the longest first
    "docs": ["sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build"],
    "types of the library": ["mypy"],
    "sdist and wheel": ["python", "tests/release/check.py"],
    "types that a user sees, by pyright": [
        "basedpyright",
        "--project",
        "tests/typing",
        "--pythonpath",
        str(VENV / PROGRAMS_IN / "python"),
    ],
    "types that a user sees, by mypy": ["mypy", "tests/typing"],
    "imports": ["lint-imports"],
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
}

CORE_TESTS = [
    *(f"tests/{folder}" for folder in ("records", "wire", "client", "waiting")),
    *(f"tests/{folder}" for folder in ("loopback", "property")),
    *(
        f"tests/test_{module}.py"
        for module in ("errors", "fetch", "submit", "handle", "many", "v0_2_0")
    ),
]


def make_environment(python: str, folder: Path) -> None:
    """Make a virtual environment with pip, unless there is one; exits if Python cannot."""
    try:
        inner = str(folder / PROGRAMS_IN / "python")
        if not subprocess.run([inner, "-m", "pip", "-V"], check=False, **SILENT).returncode:
            return
    except OSError:
        pass  # there is none, or its Python has been removed
    if subprocess.run([python, "-c", "import ensurepip, venv"], check=False, **SILENT).returncode:
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        sys.exit(
            f"{python} cannot make virtual environments: it lacks the module ensurepip or venv.\n"
            f"On Debian and Ubuntu, install them with: sudo apt install {version}-venv\n"
            "Nothing has been installed. Then run this again."
        )
    subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True, cwd=ROOT)


def install(python: str, folder: Path, what: list[str], *, name: str) -> None:
    """Make a virtual environment hold what is needed, unless it does already."""
    files = [ROOT / "pyproject.toml"]
    if "-e" not in what:  # a copy of the library
        copied = (ROOT / "superstaq_jobs").rglob("*.*")
        files += sorted(file for file in copied if file.suffix != ".pyc")
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    stamp = folder / f".installed-{name}"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"Installing what `{name}` needs into {folder.name}: {SIZES[name]}", flush=True)
    make_environment(python, folder)
    pip = [str(folder / PROGRAMS_IN / "python"), "-m", "pip", "--disable-pip-version-check"]
    # Dependency groups need a pip of 2025 or later.
    subprocess.run([*pip, "install", "--quiet", "--upgrade", "pip"], check=True, cwd=ROOT)
    subprocess.run([*pip, "install", *what], check=True, cwd=ROOT)
    stamp.write_text(wanted)


def run(command: list[str], **variables: str) -> int:
    """Run a program of ``.venv``; its exit status."""
    program = [str(VENV / PROGRAMS_IN / command[0]), *command[1:]]
    return subprocess.run(program, check=False, cwd=ROOT, env=os.environ | variables).returncode


def other_pythons() -> dict[str, str]:
    """Every other Python of this machine that the library supports: a program for each version."""
    versions = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3"))
    found: dict[str, str] = {}
    for program in [*filter(None, map(shutil.which, NEWER)), *map(str, versions)]:
        script = "import ensurepip, ssl, sys; print(*sys.version_info[:2], sep='.')"
        try:
            asked = subprocess.run(
                [program, "-c", script], check=False, capture_output=True, text=True, timeout=60
            )
        except OSError:
            continue
        major, _, minor = asked.stdout.strip().partition(".")
        # The shim of an inactive version fails, and so does a Python that cannot make a venv.
        if asked.returncode == 0 and (int(major), int(minor)) >= (3, 11):
            found.setdefault(f"{major}.{minor}", program)
    found.pop(f"{sys.version_info[0]}.{sys.version_info[1]}", None)
    return found


class Outcome(NamedTuple):
    """What came of a check."""

    status: int
    seconds: float
    output: str


def temporary_folder() -> TemporaryDirectory[str]:
    """Make a folder for the temporary files of one check, removed after it.

    Each pytest removes what earlier ones left in the folder that all share, and fails if another
    one is removing the same.
    """
    return TemporaryDirectory(prefix="superstaq-jobs-", ignore_cleanup_errors=True)


def check(command: list[str], folder: Path = VENV, **variables: str) -> Outcome:
    """Run a program of an environment; what it prints is kept, since others run beside it."""
    started = time.monotonic()
    with temporary_folder() as temporary:
        ran = subprocess.run(
            [str(folder / PROGRAMS_IN / command[0]), *command[1:]],
            check=False,
            cwd=ROOT,
            env=os.environ | variables | {"TMPDIR": temporary},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    return Outcome(ran.returncode, time.monotonic() - started, ran.stdout)


def test_core(version: str, python: str) -> Outcome:
    """Run the tests of the core on another Python, one after another."""
    folder = ROOT / f".venv-{version}"
    install(python, folder, CORE_INSTALL, name="the core's tests")
    options = ["-n", "0", "-m", "not same_everywhere", "-p", "no:cacheprovider"]
    return check(["pytest", *options, *CORE_TESTS], folder, HYPOTHESIS_PROFILE="brief")


def outcomes() -> Iterator[tuple[str, Outcome]]:
    """Run every check, two at a time; yield the name of each that ends, and what came of it.

    The tests of the core on the other Pythons run beside the installation of ``.venv``, the checks
    that need it after them. Last come the tests, which have all cores.
    """
    pool = ThreadPoolExecutor(2)
    try:
        running = {
            pool.submit(test_core, version, python): f"tests of the core on Python {version}"
            for version, python in other_pythons().items()
        }
        install(sys.executable, VENV, INSTALLS["test"], name="test")
        running |= {pool.submit(check, command): name for name, command in CHECKS.items()}
        for ended in as_completed(running):
            outcome = ended.result()
            print(f"\n=== {running[ended]}\n{outcome.output}", end="", flush=True)
            yield running[ended], outcome
    finally:
        pool.shutdown(cancel_futures=True)
    print("\n=== tests", flush=True)
    started = time.monotonic()
    with temporary_folder() as temporary:
        status = run(TESTS, TMPDIR=temporary)
    yield "tests", Outcome(status, time.monotonic() - started, "")


def test_all() -> int:
    """Run every check; the exit status."""
    passed, failed = [], []
    for name, outcome in outcomes():
        print(f"--- {name}: {outcome.seconds:.0f} s", flush=True)
        (failed if outcome.status else passed).append(name)
    print(f"\n{len(passed)} passed, {len(failed)} failed", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


def main() -> int:
    """Run the command that the arguments name."""
    if len(sys.argv) < 2 or sys.argv[1] not in INSTALLS:  # noqa: PLR2004
        print(__doc__)
        return 2
    command, arguments = sys.argv[1], sys.argv[2:]
    if sys.version_info < (3, 11):
        print("superstaq_jobs needs Python 3.11 or newer; this is", sys.version.split()[0])
        newer = [name for name in NEWER if shutil.which(name)]
        print(f"Run it with {newer[-1]}." if newer else "Install one, and run this with it.")
        return 2
    # Otherwise each of the many processes that tests start compiles the library, and pytest itself.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        make_environment(sys.executable, VENV)
        if command == "test" and not arguments:
            return test_all()
        install(sys.executable, VENV, INSTALLS[command], name=command)
        return run([*PROGRAMS[command], *arguments])
    except subprocess.CalledProcessError as error:
        print(
            f"Could not install what `{command}` needs (exit status {error.returncode}); the "
            "reason stands above. What has been installed is kept: run this again."
        )
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
