"""What the options that commands share mean: which client, which form of output, which log."""

from __future__ import annotations

import contextlib
import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import attrs
import click

import superstaq_jobs as sj

from .failures import ExitCode
from .output import Output, console_on

__all__ = ["COMPLETE_VARIABLE", "LogToStderr", "Session", "local", "remote"]

COMPLETE_VARIABLE: Final = "_SUPERSTAQ_JOBS_COMPLETE"
"""The variable by which a shell requests completions."""

F = TypeVar("F", bound=Callable[..., Any])


@attrs.define
class Session:
    """One run of the command: its shared options, and what it writes to.

    Attributes:
        out: Where it writes to.
        verbose: Whether the library's log goes to stderr.
        host: The server; None for what the library finds.
        api_version: The version of the API; None for what the library finds.
        ca_certs: A bundle of certificates to trust instead of the system's.
        proxy: A proxy.
        record: An archive in which to record what is learned of jobs.
        after_interrupt: What to tell the user after Ctrl-C.
        goes_on: The verb and the arguments that go on after Ctrl-C; empty if there are none.
    """

    out: Output = attrs.field(factory=Output)
    json: bool = False
    verbose: bool = False
    host: str | None = None
    api_version: str | None = None
    ca_certs: str | None = None
    proxy: str | None = None
    record: str | None = None
    after_interrupt: str = "stopped"
    goes_on: Sequence[str] = ()

    @contextlib.contextmanager
    def client(self, transport: sj.Transport | None = None) -> Iterator[sj.SuperstaqClient]:
        """The client of these options."""
        with contextlib.ExitStack() as stack:
            recorder = None
            if self.record is not None:
                recorder = stack.enter_context(sj.SnapshotArchive(self.record))
            yield stack.enter_context(
                sj.SuperstaqClient(
                    remote_host=self.host,
                    api_version=self.api_version,
                    proxy_url=self.proxy,
                    ca_certs=self.ca_certs,
                    transport=transport,
                    recorder=recorder,
                )
            )

    @property
    def resume(self) -> str:
        """The command that goes on, with the shared options of this one; empty if there is none."""
        from superstaq_jobs.client.settings import without_login

        options = {
            "--host": self.host,
            "--api-version": self.api_version,
            "--ca-certs": self.ca_certs,
            "--proxy": self.proxy and without_login(self.proxy),
            "--record": self.record,
        }
        shared = [part for name, value in options.items() if value for part in (name, value)]
        form = ["--json"] if self.json else []
        return shlex.join(["superstaq-jobs", *self.goes_on, *shared, *form]) if self.goes_on else ""

    def progress(self) -> sj.ProgressBar | bool:
        """The bar of a wait, on stderr; False for none."""
        if self.out.json or not sys.stderr.isatty():
            return False
        return sj.ProgressBar(console_on(stderr=True))

    def done(self, data: Any, show: Callable[[], object], code: ExitCode = ExitCode.OK) -> ExitCode:
        """Write the result of a command.

        Args:
            data: The result as JSON data.
            show: Writes it for people, or into a pipe.
            code: The exit status.
        """
        if self.out.json:
            self.out.document(data, code=code)
        else:
            show()
        return code

    def done_with_table(
        self,
        snapshots: Sequence[sj.JobSnapshot],
        code: ExitCode = ExitCode.OK,
        *,
        circuits: bool = False,
    ) -> ExitCode:
        """Write a line for each job; with their circuits only as JSON data."""
        from . import shapes, views

        data = shapes.jobs_data(snapshots, circuits=circuits)
        return self.done(data, lambda: views.table_of_jobs(self.out, snapshots), code)

    def done_with_all(self, snapshots: Sequence[sj.JobSnapshot]) -> ExitCode:
        """Write all that is known of each job."""
        from . import shapes, views

        data = shapes.jobs_data(snapshots, circuits=True, record=True)
        return self.done(data, lambda: views.several_jobs(self.out, snapshots))


class LogToStderr(logging.Handler):
    """Writes each record to stderr as it is then: a progress bar may have replaced it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self._session.out.note(self.format(record))


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep a shared option, which may stand before or after the name of the command."""
    session = ctx.ensure_object(Session)
    if value and param.name is not None:
        setattr(session, param.name, value)
    session.out.json = session.json
    session.out.command = " ".join(ctx.command_path.split()[1:])
    if session.verbose:
        logging.getLogger("superstaq_jobs").setLevel(logging.DEBUG)


def _option(*names: str, **options: Any) -> Callable[[F], F]:
    return click.option(*names, expose_value=False, callback=_store, **options)


_LOCAL: Final = (
    _option("--json", is_flag=True, help="Write one JSON document, also for an error."),
    _option("-v", "--verbose", is_flag=True, help="Show the log: each request and its outcome."),
)
_REMOTE: Final = (
    _option(
        "--host",
        "--remote-host",
        "host",
        metavar="URL",
        help="The server. By default SUPERSTAQ_REMOTE_HOST, else the service itself.",
    ),
    _option(
        "--api-version",
        metavar="VERSION",
        help="v0.3.0 or v0.2.0. By default SUPERSTAQ_API_VERSION, else v0.3.0.",
    ),
    _option(
        "--ca-certs",
        type=click.Path(exists=True),
        help="Certificates to trust instead of the system's.",
    ),
    _option("--proxy", metavar="URL", help="A proxy; none is taken from the environment."),
    _option(
        "--record",
        metavar="ARCHIVE",
        type=click.Path(dir_okay=False),
        help="Record what is learned of jobs in this archive, which is made if need be.",
    ),
)


def local(function: F) -> F:
    """The shared options of a command that sends nothing."""
    for option in reversed(_LOCAL):
        function = option(function)
    return function


def remote(function: F) -> F:
    """The shared options of a command that sends requests."""
    function = local(function)
    for option in reversed(_REMOTE):
        function = option(function)
    return function
