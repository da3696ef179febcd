"""What an interrupt of a wait says: which jobs it was for, and how to go on."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence

from .job_wait import JobWait

__all__ = ["noted"]

_MAX_CHARACTERS = 2000
"""How long a list of ids may be; the first id is always whole, since it is what a user needs."""


@contextlib.contextmanager
def noted(waits: Sequence[JobWait]) -> Generator[None, None, None]:
    """Add a note to a ``KeyboardInterrupt``, or whatever else interrupts waits from outside."""
    try:
        yield
    except (Exception, GeneratorExit):
        raise
    except BaseException as interrupt:  # a coroutine that is cancelled too, as Ctrl-C does
        interrupt.add_note(_note(waits))
        raise


def _note(waits: Sequence[JobWait]) -> str:
    pending = [each for each in waits if each.error is None and not each.is_reported] or waits
    names = list(dict.fromkeys(repr(str(each.latest.job_id)) for each in pending))
    client = pending[0].latest.client
    what, same, whose = f"{len(pending)} of {len(waits)} jobs", "the same handles", "job_id"
    more = f" for each of {_some(names)}"
    if len(waits) == 1:
        what, same, whose, more = f"job {names[0][1:-1]}", "its handle", names[0], ""
    return (
        f"The wait for {what} was interrupted; nothing was cancelled. Wait again with {same}; or, "
        f"in another program, with JobHandle(client, {whose}){more}, where the client is for "
        f"{client.remote_host} (API {client.api.version})."
    )


def _some(names: Sequence[str]) -> str:
    """The first names, the first of all in any case; and how many more there are."""
    length, kept = 0, list[str]()
    for name in names:
        length += len(name)
        if kept and length > _MAX_CHARACTERS:
            return f"{', '.join(kept)} and {len(names) - len(kept)} more"
        kept.append(name)
    return ", ".join(kept)
