"""Set up this checkout and run it: ``python3 dev.py demo``, ``test`` or ``speed``.

Needs Python 3.11 or newer and nothing else: what a command needs is installed into ``.venv`` beside
this file first. Arguments after the command go to what it runs.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")

INSTALLS = {
    "demo": ["-e", ".[emulator,cli]"],
    "test": [
        "-e",
        ".[emulator-cirq,cli,testing]",
        *("--group", "test"),
        *("--group", "lint"),
        *("--group", "docs"),
    ],
    "speed": ["-e", ".", "--group", "bench"],
}

PROGRAMS = {
    "demo": ["superstaq-jobs", "demo"],
    "speed": ["python", "benchmarks/speed.py"],
}

CHECKS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "imports": ["lint-imports"],
    "types of the library": ["mypy"],
    "types that a user sees, by mypy": ["mypy", "tests/typing"],
    "types that a user sees, by pyright": [
        "basedpyright",
        "--project",
        "tests/typing",
        "--pythonpath",
        str(BIN / "python"),
    ],
    "tests": ["pytest"],
    "docs": ["sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build"],
}


def install(command: str) -> None:
    """Make ``.venv`` hold what a command needs, unless it does already."""
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = VENV / f".installed-{command}"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"Installing what `{command}` needs into .venv ...", flush=True)
    if not (BIN / "python").exists() and not (BIN / "python.exe").exists():
        venv.create(VENV, with_pip=True)
    pip = [str(BIN / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Dependency groups need a pip of 2025 or later.
    subprocess.run([*pip, "--upgrade", "pip"], check=True, cwd=ROOT)
    subprocess.run([*pip, *INSTALLS[command]], check=True, cwd=ROOT)
    stamp.write_text(wanted)


def run(command: list[str]) -> int:
    """Run a program of ``.venv``; its exit status."""
    return subprocess.run([str(BIN / command[0]), *command[1:]], check=False, cwd=ROOT).returncode


def test(arguments: list[str]) -> int:
    """Run every check, or, with arguments, pytest alone with these."""
    if arguments:
        return run(["pytest", *arguments])
    failed = []
    for name, command in CHECKS.items():
        started = time.monotonic()
        print(f"\n=== {name}: {' '.join(command)}", flush=True)
        if run(command) != 0:
            failed.append(name)
        print(f"--- {name}: {time.monotonic() - started:.0f} s", flush=True)
    print(f"\n{len(CHECKS) - len(failed)} passed, {len(failed)} failed", flush=True)
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
        return 2
    try:
        install(command)
        if command == "test":
            return test(arguments)
        return run([*PROGRAMS[command], *arguments])
    except subprocess.CalledProcessError as error:
        print(f"could not install what `{command}` needs (exit status {error.returncode})")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
