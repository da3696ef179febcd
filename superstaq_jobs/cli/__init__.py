"""The ``superstaq-jobs`` command. Each verb is a thin layer over the library's functions.

Only this package prints. It needs click, and rich on a terminal (extra ``cli``).
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The command line without the command's name; None for this process's.

    Returns:
        The exit status; ``superstaq_jobs.cli.failures.ExitCode`` lists them.
    """
    if arguments is None:
        gc.set_threshold(100_000)  # what is imported is kept: a search for cycles finds nothing
    try:
        from .app import app

        return app.main(arguments, standalone_mode=False)
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        from superstaq_jobs.records.problems import how_to_install

        what = f"superstaq-jobs needs click, so nothing was done: {how_to_install('cli')}"
        print(what, file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # while it is imported
        return 130
    finally:
        if arguments is None:
            gc.freeze()  # the last search, at the end of the process, would take a tenth of list
