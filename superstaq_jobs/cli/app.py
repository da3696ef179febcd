"""The command's verbs, and what becomes of their errors."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final

import click

import superstaq_jobs as sj
from superstaq_jobs._version import __version__

from .failures import CommandError, ExitCode, as_data, exit_code, hint, message_of
from .output import prepare_streams, silence_stdout
from .session import COMPLETE_VARIABLE, LogToStderr, Session, remote

__all__ = ["App", "app"]

_EPILOG: Final = """\
The API key is read from SUPERSTAQ_API_KEY or from a key file, never from an argument, which would
stay in the shell's history.

Exit status: 0 done, and all jobs that were waited for have completed; 1 a job failed or was
cancelled, or the command could not do what it should; 2 wrong usage or settings; 3 a wait timed
out; 4 the service could not be reached; 130 Ctrl-C.

In a pipe, tables are lines with tabs between the columns. superstaq-jobs completion --help says
how to complete commands with the Tab key.
"""


_NAME: Final = "superstaq-jobs"
_VERBS: Final = {
    "submit": ("submitting", "submit"),
    "list": ("jobs", "list_jobs"),
    "show": ("jobs", "show"),
    "wait": ("waits", "wait"),
    "watch": ("waits", "watch"),
    "cancel": ("jobs", "cancel"),
    "counts": ("jobs", "counts"),
    "diff": ("jobs", "diff"),
    "targets": ("account", "targets"),
    "balance": ("account", "balance"),
    "archive": ("archives", "archive"),
    "lock": ("archives", "lock"),
    "verify": ("archives", "verify"),
    "emulator": ("emulating", "emulator"),
    "demo": ("demo", "demo"),
    "doctor": ("doctor", "doctor"),
    "completion": ("completion", "completion"),
}
"""The module and the name of each verb."""


class App(click.Group):
    """The group of all verbs."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **_: Any
    ) -> int:
        """Run. Unlike in click's own, every error has an exit status, and can be JSON."""
        prepare_streams()
        if instruction := os.environ.get(COMPLETE_VARIABLE):
            from click.shell_completion import shell_complete

            sys.exit(shell_complete(self, {}, _NAME, COMPLETE_VARIABLE, instruction))
        given = sys.argv[1:] if args is None else list(args)
        session = Session()
        session.out.json = session.json = "--json" in given  # of a usage error too
        try:
            code = _run(self, given, session)
            sys.stdout.flush()
        except BrokenPipeError:
            silence_stdout()
            code = ExitCode.BROKEN_PIPE
        except OSError as error:  # a full disk, say
            silence_stdout()
            session.out.note(f"error: the output could not be written: {error.strerror}")
            code = ExitCode.FAILED
        if standalone_mode:
            sys.exit(code)
        return code

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """The verbs, in the order in which help lists them."""
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """A verb; its module is imported only now."""
        if cmd_name not in _VERBS:
            return None
        module, name = _VERBS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f".{module}", __package__), name)
        return command


def _run(group: App, args: list[str], session: Session) -> int:
    """Run a verb; its errors are reported."""
    try:
        with (
            _reporting(session),
            group.make_context(_NAME, args, obj=session) as ctx,
        ):
            return int(group.invoke(ctx) or 0)
    except click.exceptions.Exit as error:
        return error.exit_code
    except KeyboardInterrupt:
        return _interrupted(session)
    except click.Abort:
        return _failed(
            session, CommandError("it was not confirmed: nothing was done", ExitCode.USAGE)
        )
    except BrokenPipeError:
        raise
    except Exception as error:
        if not _is_expected(error):
            raise
        return _failed(session, error)


@contextlib.contextmanager
def _reporting(session: Session) -> Iterator[None]:
    """Report warnings as they come, and the log if it is wanted."""
    logger = logging.getLogger("superstaq_jobs")
    handler = LogToStderr(session)
    level = logger.level

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        session.out.warn(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)


def _is_expected(error: Exception) -> bool:
    if isinstance(error, click.ClickException | CommandError | OSError):
        return True
    return isinstance(error, sj.SuperstaqException)


def _failed(session: Session, error: Exception) -> int:
    """Report an error that ended a verb."""
    code, data, cause = exit_code(error), None, error
    if isinstance(error, CommandError):
        data, cause = error.data, error.cause or error
    message, advice, usage = message_of(cause), hint(cause), ""
    if isinstance(error, click.ClickException):
        message = error.format_message()
        ctx = error.ctx if isinstance(error, click.UsageError) else None
        if ctx is not None:
            session.out.command = ctx.command_path.removeprefix(_NAME).strip()
            usage = f"{ctx.get_usage()}\n"
            advice = f"{ctx.command_path} --help explains it."
    elif isinstance(error, OSError) and type(error).__module__ == "builtins" and error.strerror:
        message = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        usage, advice, message = f"{message}\n\n", "", "name a command"
    if session.out.json:
        described = as_data(cause, message) | ({"hint": advice} if advice else {})
        session.out.document(data, code=code, error=described)
    else:
        session.out.note("\n".join(filter(None, [f"error: {message}", advice])), before=usage)
    return code


def _interrupted(session: Session) -> int:
    """Report Ctrl-C, and how to go on."""
    code, out = ExitCode.INTERRUPTED, session.out
    go_on = f"\nTo go on: {session.resume}" if session.resume else ""
    if out.json:
        described = {"type": "KeyboardInterrupt", "message": session.after_interrupt}
        out.document(None, code=code, error=described | {"resume": session.resume or None})
    else:
        # A terminal has written ^C without an end of line.
        before = "\n" if sys.stderr.isatty() else ""
        out.note(f"{session.after_interrupt}{go_on}", before=before)
    return code


@click.group(
    cls=App,
    name=_NAME,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="%(version)s")
@remote
def app() -> None:
    """Superstaq jobs: submit, list, wait for and read them."""
