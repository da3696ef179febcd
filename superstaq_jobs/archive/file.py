"""The file of an archive: its schema, how it is opened, transactions, and what can go wrong."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NoReturn, TypeAlias

from superstaq_jobs.errors import (
    ArchiveBusy,
    ArchiveDamaged,
    ArchiveError,
    ArchiveReadOnly,
    ArchiveUnusable,
    ArchiveVersionError,
    ArchiveWriteFailed,
)

__all__ = ["ERRORS", "ArchiveFile", "Connection", "Mode", "translated"]

Connection: TypeAlias = sqlite3.Connection
Mode: TypeAlias = Literal["a", "r"]

APPLICATION_ID: Final = 0x53534A41  # "SSJA"
VERSION: Final = 1

ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What sqlite3 raises, on a damaged file in particular."""

_SCHEMA: Final = Path(__file__).with_name("schema.sql")
_SETTINGS: Final = {
    "foreign_keys": 1,
    "synchronous": 3,
    "secure_delete": 1,
    "cell_size_check": 1,
    "cache_size": -8000,  # in KiB: a query finds most of its rows in pages that it has read before
}
_NO_ROOM: Final = ("FULL", "IOERR_WRITE", "IOERR_FSYNC", "IOERR_DIR_FSYNC", "IOERR_TRUNCATE")
_NO_TEMPORARY_FILE: Final = "IOERR_GETTEMPPATH"
_CANNOT_WRITE: Final = ("FULL", "IOERR", "READONLY", "CANTOPEN", "TOOBIG", "PERM", "AUTH")


class ArchiveFile:
    """One SQLite file, opened as ``SnapshotArchive`` says.

    Thread-safe: each thread, in each process, has a connection of its own.
    """

    def __init__(self, path: Path, mode: Mode, busy_timeout_seconds: float) -> None:
        self.path = path
        self.mode = mode
        self.busy_timeout_seconds = busy_timeout_seconds
        self._of_thread = threading.local()
        self._all: weakref.WeakSet[_ThreadConnection] = weakref.WeakSet()
        if mode == "a":
            _create(path)
        with self.reading():
            pass

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the file until the end of the block."""
        with self._connected() as raw, translated(self.path, writing=False):
            if raw.in_transaction:  # reading what is being written
                yield raw
                return
            try:
                raw.execute("BEGIN")
                yield raw
            finally:
                _roll_back(raw)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection whose changes are on disk at the end of the block; all, or none."""
        if self.mode == "r":
            raise ArchiveReadOnly(
                f"{self.path} was opened for reading only, so nothing was written. Open it with "
                'mode="a" to write.',
                path=str(self.path),
            )
        with self._connected() as raw, translated(self.path, writing=True):
            try:
                raw.execute("BEGIN IMMEDIATE")
                yield raw
                raw.execute("COMMIT")
            finally:
                _roll_back(raw)

    def compact(self) -> None:
        """Give the room of what was removed back to the file system."""
        with self.writing():
            pass  # raises what stands against writing
        with self._connected() as raw, translated(self.path, writing=True):
            raw.execute("VACUUM")

    def copy_to(self, path: Path) -> None:
        """Copy the file, as it is at one moment, to one that does not exist."""
        if path.exists():
            raise ArchiveWriteFailed(
                f"{path} exists already, so nothing was copied. Give another path.", path=str(path)
            )
        _create(path)
        try:
            with (
                contextlib.closing(sqlite3.connect(path)) as copy,
                self.reading() as raw,
            ):
                raw.execute("SELECT count(*) FROM sqlite_master")  # waits for a writer, once
                with translated(path, writing=True):
                    raw.backup(copy)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def close(self) -> None:
        """Close the connections of this process. The next use opens one again."""
        for each in list(self._all):
            each.close()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        mine: _ThreadConnection | None = getattr(self._of_thread, "connection", None)
        if mine is None or not mine.is_usable(self.path):
            mine = None
            self._of_thread.connection = mine = _ThreadConnection(self._open(), self.path)
            self._all.add(mine)
        with mine.lock:
            if mine.raw is None:  # closed by another thread just now
                raise ArchiveError(
                    f"{self.path} was closed by another thread at this moment; nothing was read or "
                    "written. Call again, which opens it.",
                    path=str(self.path),
                )
            yield mine.raw

    def _open(self) -> Connection:
        path = self.path
        if path.is_dir():
            _unusable(path, "is a directory", "Give the path of a file")
        if not path.exists():
            _unusable(path, "does not exist", 'mode="a" makes a new archive')
        mode = "ro" if self.mode == "r" else "rw"
        with translated(path, writing=False, opening=True):
            self._refuse_wal()
            raw = sqlite3.connect(
                f"{path.as_uri()}?mode={mode}",
                uri=True,
                timeout=self.busy_timeout_seconds,
                isolation_level=None,
                check_same_thread=False,  # `close` may be called in any
            )
            try:
                self._check(raw)
            except BaseException:
                raw.close()
                raise
        return raw

    def _refuse_wal(self) -> None:
        """Refuse a file in WAL mode, which would be changed if it was opened as the others are."""
        # Without locks, SQLite refuses this mode, too: before it makes files or changes any. The
        # header cannot be read otherwise: to close the file would release this process's locks.
        uri = f"{self.path.as_uri()}?mode=ro&nolock=1"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as probe:
            try:
                probe.execute("PRAGMA schema_version")
            except sqlite3.Error as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_CANTOPEN:
                    return  # it is found again, with locks
            else:
                return
        how = f"sqlite3 {self.path.name} 'PRAGMA journal_mode=DELETE'"
        _unusable(self.path, "is in SQLite's WAL mode", f"Run: {how}")

    def _check(self, raw: Connection) -> None:
        for name, value in _SETTINGS.items():
            raw.execute(f"PRAGMA {name}={value}")
            if _pragma(raw, name) != value:
                _unusable(self.path, f"cannot be used with {name}={value}", "Update SQLite")
        raw.execute("BEGIN")  # or another process may make it shorter in between
        num_bytes = int(_pragma(raw, "page_count")) * int(_pragma(raw, "page_size"))
        if self.path.stat().st_size < num_bytes:
            _unusable(self.path, "is truncated", "Restore it from a copy")
        _roll_back(raw)
        if self.mode == "a" and self._is_empty():
            self._fill(raw)
        if _pragma(raw, "application_id") != APPLICATION_ID:
            _unusable(self.path, "is not an archive", "Give another path")
        version = int(_pragma(raw, "user_version"))
        if version > VERSION:
            raise ArchiveVersionError(path=str(self.path), version=version, supported=VERSION)
        if version < 1:
            _unusable(self.path, f"says that it is of version {version}", "Restore it from a copy")

    def _is_empty(self) -> bool:
        return self.path.stat().st_size == 0

    def _fill(self, raw: Connection) -> None:
        raw.execute("BEGIN IMMEDIATE")
        try:
            if self._is_empty():  # not made by another process meanwhile
                for statement in _statements():
                    raw.execute(statement)
                raw.execute(f"PRAGMA application_id={APPLICATION_ID}")
                raw.execute(f"PRAGMA user_version={VERSION}")
            raw.execute("COMMIT")
        finally:
            _roll_back(raw)


class _ThreadConnection:
    """The connection of one thread, which is closed with it."""

    def __init__(self, raw: Connection, path: Path) -> None:
        self.raw: Connection | None = raw
        self.lock = threading.RLock()
        self._file = _identity(path)
        _OPEN.add(self)

    def is_usable(self, path: Path) -> bool:
        """Whether it is open on the file that is now at the path."""
        return self.raw is not None and self._file == _identity(path)

    def close(self) -> None:
        """Close it, once what it is doing is done."""
        if self.raw is None:
            return  # after a fork, another thread may hold the lock forever
        with self.lock:
            raw, self.raw = self.raw, None
            if raw is not None:
                raw.close()

    def abandon(self) -> None:
        """Never use it, nor close it: SQLite would roll back what the parent process writes."""
        import ctypes  # only after a fork

        raw, self.raw = self.raw, None
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(raw))

    def __del__(self) -> None:
        if self.raw is not None:
            self.raw.close()


_OPEN: Final[weakref.WeakSet[_ThreadConnection]] = weakref.WeakSet()
"""The connections of this process, to be abandoned by its forks."""


def _abandon_all() -> None:
    for each in list(_OPEN):
        each.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _create(path: Path) -> None:
    """Make an empty file, if there is none, for its owner alone; its journal is like it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except FileNotFoundError:
        _unusable(path, "cannot be made, since its folder does not exist", "Make the folder")
    except OSError as error:
        raise ArchiveWriteFailed(
            f"{path} could not be made: {error.strerror}. Give a path in a folder to which you "
            "may write.",
            path=str(path),
        ) from None


def _statements() -> list[str]:
    lines = _SCHEMA.read_text(encoding="utf-8").splitlines()
    return "\n".join(line.partition("--")[0] for line in lines).split(";")


def _pragma(raw: Connection, name: str) -> int | str:
    value: int | str = raw.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _roll_back(raw: Connection) -> None:
    if raw.in_transaction:
        raw.execute("ROLLBACK")


def _unusable(path: Path, what: str, hint: str) -> NoReturn:
    raise ArchiveUnusable(
        f"{path} {what}, so it was not opened, and not changed. {hint}.", path=str(path)
    )


# ---- what can go wrong ---------------------------------------------------------------------------


@contextlib.contextmanager
def translated(path: Path, *, writing: bool, opening: bool = False) -> Iterator[None]:
    """Raise SQLite's errors as this library's."""
    try:
        yield
    except ERRORS as error:
        raise _failure(path, error, writing=writing, opening=opening) from None


def _failure(path: Path, error: BaseException, *, writing: bool, opening: bool) -> ArchiveError:
    reason = getattr(error, "sqlite_errorname", None)
    name = str(reason or "").removeprefix("SQLITE_")
    where: dict[str, str | None] = {"path": str(path), "reason": reason}
    why = f"{path}: {error}"
    if name.startswith(("BUSY", "LOCKED")):
        return ArchiveBusy(
            f"{why}: another process wrote to the archive for longer than this one waits. Nothing "
            "was read or written. Call again, or make the archive with a longer "
            "busy_timeout_seconds.",
            **where,
        )
    if name.startswith("READONLY_ROLLBACK") or (name.startswith("CANTOPEN") and opening):
        return ArchiveUnusable(
            f"{why}: it cannot be opened, and was not changed. If a program was stopped while it "
            f'wrote, open it once with mode="a".',
            **where,
        )
    no_room = name.startswith(_NO_ROOM)
    if name == _NO_TEMPORARY_FILE or (no_room and not writing and not opening):
        return ArchiveWriteFailed(
            f"{why}: temporary files could not be written. Nothing was changed. Free the disk that "
            "they are on, or name another folder for them in the environment variable "
            "SQLITE_TMPDIR, and call again.",
            **where,
        )
    if no_room or (writing and name.startswith(_CANNOT_WRITE)):
        return ArchiveWriteFailed(
            f"{why}. Nothing was written, and what was recorded before is intact. Free the disk, "
            "or check that you may write to the file and its folder, and call again.",
            **where,
        )
    if opening:
        return ArchiveUnusable(
            f"{why}: it is not a whole archive, and was not changed. Restore it from a copy.",
            **where,
        )
    return ArchiveDamaged(
        f"{why}: the file is damaged, and nothing was read or written. verify() lists what is "
        "damaged; restore the rest from a copy or a JSON Lines export.",
        **where,
    )
