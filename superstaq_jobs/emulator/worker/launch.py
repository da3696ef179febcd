"""The script that a worker process is started with.

Lives here: nothing but the start. The packages above are put in place without their own
``__init__``, which would import the library and the server, neither of which is needed here.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path

__all__: list[str] = []


def _bare_package(name: str, folder: Path) -> None:
    module = types.ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    _bare_package("superstaq_jobs", here.parent.parent)
    _bare_package("superstaq_jobs.emulator", here.parent)

    from superstaq_jobs.emulator.worker.loop import main

    main()
