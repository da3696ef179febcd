"""A study over several programs and years.

``unfinished`` goes on after a crash, ``locks`` make sure that an analysis runs on the same data,
and ``offline`` runs it without a server.
"""

from __future__ import annotations

from .locks import LockDifference, LockEntry, StudyLock, lock, locked
from .offline import OfflineClient
from .unfinished import resume

__all__ = [
    "LockDifference",
    "LockEntry",
    "OfflineClient",
    "StudyLock",
    "lock",
    "locked",
    "resume",
]
