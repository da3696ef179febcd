"""Snapshots of jobs kept in one file, with the time of every observation."""

from __future__ import annotations

from .archive import SnapshotArchive
from .querying import ArchivedJob
from .verify import ArchiveReport

__all__ = ["ArchiveReport", "ArchivedJob", "SnapshotArchive"]
