"""Write down the public API as it is now: ``python tests/api/write.py <fragment> …``.

The fragments are those of ``docs/changelog.d/`` that report what has changed since the API was
written down last, such as ``16.feature.42.md``. Together they must mention each name that changed,
so a change of the API cannot do without an entry in the changelog.

``--released`` instead of a fragment starts anew from a release: the fragments are in
``docs/changelog.md`` then. ``--first`` does so before the first one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent), str(ROOT)]
os.environ.setdefault("SUPERSTAQ_API_KEY", "key-of-the-tests")

from examples import EXAMPLES, JOBS  # noqa: E402
from surface import lines, names_in  # noqa: E402

import superstaq_jobs as sj  # noqa: E402

SNAPSHOT = HERE / "snapshot.txt"
KEPT = HERE / "kept"
FRAGMENTS = ROOT / "docs" / "changelog.d"
CHANGELOG = ROOT / "docs" / "changelog.md"
MARK = " explained by "
FIRST = "nothing, before the first release"


def digest(surface: Iterable[str]) -> str:
    """A short name for a state of the API."""
    return hashlib.sha256("\n".join(surface).encode()).hexdigest()[:16]


def read() -> tuple[list[str], list[str]]:
    """The API as it was written down, and what each of its states was explained by."""
    written = SNAPSHOT.read_text().splitlines() if SNAPSHOT.is_file() else []
    history = [line for line in written if MARK in line]
    return [line for line in written if MARK not in line], history


def unexplained(before: Iterable[str], after: Iterable[str], said: str) -> list[str]:
    """The names that changed and are not mentioned in what fragments say."""
    return sorted(name for name in names_in(sorted({*before} ^ {*after})) if name not in said)


def keep() -> None:
    """Add pickles and bodies of this version; what is there already is never written again."""
    path = KEPT / f"{sj.__version__}.json"
    kept = json.loads(path.read_text()) if path.is_file() else {"pickles": {}, "bodies": {}}
    for name, value in EXAMPLES.items():
        data = base64.b64encode(pickle.dumps(value, 4)).decode()
        kept["pickles"].setdefault(name, data)
    for version, jobs in JOBS.items():
        kept["bodies"].setdefault(version, sj.encode_jobs(jobs, api_version=version).decode())
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def main(arguments: list[str]) -> int:
    """Write the snapshot, if what has changed is explained; the exit status."""
    is_released = sj.__version__ in CHANGELOG.read_text()
    (before, history), after = read(), lines()
    if arguments == ["--first"] and not is_released:
        (KEPT / f"{sj.__version__}.json").unlink(missing_ok=True)
        history = [f"# {digest(after)} {MARK.strip()} {FIRST}"]
    elif arguments == ["--released"] and is_released:
        history = [f"# {digest(after)} {MARK.strip()} release {sj.__version__}"]
    elif not arguments or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    elif before != after:
        said = "".join((FRAGMENTS / name).read_text() for name in arguments)
        if names := unexplained(before, after, said):
            print(f"Nothing was written: no fragment that was named mentions {', '.join(names)}")
            return 1
        history.append(f"# {digest(after)} {MARK.strip()} {' '.join(arguments)}")
    SNAPSHOT.write_text("\n".join([*history, *after, ""]))
    keep()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
