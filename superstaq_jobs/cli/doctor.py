"""``doctor``: what a command would use, whether it works, and what to do if it does not."""

from __future__ import annotations

import email.utils
import os
import platform
import re
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

import attrs
import click

import superstaq_jobs as sj
from superstaq_jobs._version import __version__

from .failures import ExitCode, exit_code, hint, message_of
from .findings import Finding, NotingTransport
from .output import Cell
from .session import Session, remote

__all__ = ["doctor"]

_HOST: Final = "SUPERSTAQ_REMOTE_HOST"
_VERSION: Final = "SUPERSTAQ_API_VERSION"
_ROUNDED_SECONDS: Final = 2.0
"""The time in a response is in whole seconds, and the response takes a while."""


@click.command()
@click.option(
    "--service",
    is_flag=True,
    help="Also find out how the service behaves, with your account: some read-only requests and "
    "one dry-run job.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask before the requests of --service.")
@click.option(
    "--target",
    default="ss_unconstrained_simulator",
    help="The target of the dry-run job; default: ss_unconstrained_simulator.",
)
@remote
@click.pass_obj
def doctor(session: Session, service: bool, yes: bool, target: str) -> int:
    """Check the key, the host and the connection.

    Also what is installed. No secret is shown: neither the key, nor your e-mail address, nor the
    balance. The exit status is 0 if everything is in order. The report of --service can be attached
    to an issue.
    """
    found = [Finding("superstaq_jobs", f"{__version__}, {_python()}"), *_extras()]
    code = ExitCode.OK
    try:
        key_from = _key_place()
        with session.client() as plain:
            origin, version = plain.remote_host, plain.api.version
        found += [
            Finding("API key", f"from {key_from}"),
            Finding("host", f"{origin} ({_source(session.host, _HOST)})"),
            Finding("API version", f"{version} ({_source(session.api_version, _VERSION)})"),
        ]
        http = sj.HttpTransport(origin=origin, proxy_url=session.proxy, ca_certs=session.ca_certs)
        transport = NotingTransport(http)
        with session.client(transport) as client:
            found += _connection(client, transport)
            if service:
                from .service_report import ASKED, service_findings

                if not yes:
                    session.out.confirm(ASKED.format(host=origin), "pass --yes")
                found += service_findings(client, transport, target)
    except sj.SuperstaqException as error:
        code = exit_code(error)
        found.append(_problem(error))
    if code is ExitCode.OK and any(each.state == "problem" for each in found):
        code = ExitCode.FAILED
    advice = [each.advice for each in found if each.advice]
    data = {"findings": list(map(attrs.asdict, found)), "advice": advice}
    return session.done(data, lambda: _show(session, found, advice), code)


def _show(session: Session, found: list[Finding], advice: list[str]) -> None:
    out = session.out
    styles = {"ok": "green", "note": "cyan", "problem": "red"}
    if out.is_terminal:
        rows: list[tuple[str, Cell]] = []
        for each in found:
            first, *others = each.what.splitlines()
            rows.append((each.name, (first, styles[each.state])))
            rows += [(" ", line) for line in others]
        out.facts(rows)
    else:
        out.table((), [(each.state, each.name, each.what.replace("\n", " ")) for each in found])
    if out.is_terminal:
        out.line()
    otherwise = "nothing; next are superstaq-jobs targets and submit --help."
    if any(each.state == "problem" for each in found):
        otherwise = "see what is written above, and run superstaq-jobs doctor again."
    for line in advice or [otherwise]:
        out.line("What to do: ", line)


# ---- this machine ------------------------------------------------------------------------------


def _python() -> str:
    return f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"


def _extras() -> Iterator[Finding]:
    """The packages of each extra, with their versions."""
    from superstaq_jobs.records.problems import how_to_install

    try:
        required = metadata.requires("superstaq_jobs") or []
    except metadata.PackageNotFoundError:
        yield Finding("extras", "not known, since superstaq_jobs is not installed", "note")
        return
    packages: dict[str, list[str]] = {}
    for each in required:
        extra = re.search(r"extra == ['\"]([\w-]+)", each)
        name = re.match(r"[\w.-]+", each)
        if extra and name and name[0].replace("-", "_") != "superstaq_jobs":
            packages.setdefault(extra[1], []).append(name[0])
    for kind, names in packages.items():
        versions = {name: _version(name) for name in names}
        missing = [name for name, version in versions.items() if version is None]
        if missing:
            what = f"not installed: {how_to_install(kind)}"
            yield Finding(f"extra {kind}", what, "note")
        else:
            what = ", ".join(f"{name} {version}" for name, version in versions.items())
            yield Finding(f"extra {kind}", what)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _key_place() -> str:
    from superstaq_jobs.client.settings import locate_api_key

    return locate_api_key(None, environ=os.getenv, home=Path.home())[1]


def _source(given: str | None, variable: str) -> str:
    if given:
        return "from the command line"
    return f"from {variable}" if (os.getenv(variable) or "").strip() else "the default"


# ---- the connection ----------------------------------------------------------------------------


def _connection(client: sj.SuperstaqClient, transport: NotingTransport) -> Iterator[Finding]:
    """Fetch the balance, which every account may, and note how that went."""
    began = time.monotonic()
    try:
        sj.fetch_balance(client)
    finally:
        if transport.exchanges[-1].response is not None:  # of whatever status
            yield _tls(client.remote_host)
    seconds = time.monotonic() - began
    yield Finding("connection", f"the service accepts the key, after {seconds:.2f} s")
    yield _clock(transport)


def _tls(origin: str) -> Finding:
    if origin.startswith("https:"):
        return Finding("TLS", "the certificate was accepted")
    return Finding("TLS", "none: plain http, to this machine only", "note")


def _problem(error: sj.SuperstaqException) -> Finding:
    """What an error says about where the problem is."""
    kinds = {
        sj.ApiKeyNotFound: ("API key", hint(error)),
        sj.ConfigurationError: ("settings", ""),
        sj.TlsError: ("TLS", "If the server has a private certificate, pass --ca-certs FILE."),
        sj.AuthenticationError: ("API key", "Set a key that belongs to an account of this host."),
        sj.TransportError: ("connection", "Check host and network; pass --proxy behind a proxy."),
    }
    found = (known for kind, known in kinds.items() if isinstance(error, kind))
    name, advice = next(found, ("connection", ""))
    return Finding(name, message_of(error), "problem", advice)


def _clock(transport: NotingTransport) -> Finding:
    last = transport.exchanges[-1]
    said = last.response.header("date") if last.response is not None else None
    try:
        theirs = email.utils.parsedate_to_datetime(said or "").timestamp()
    except ValueError:
        return Finding("clock", "the service does not say the time", "note")
    ahead = last.ended_at - theirs
    if abs(ahead) <= _ROUNDED_SECONDS:
        return Finding("clock", "as the service's, to 2 s")
    how = "ahead of" if ahead > 0 else "behind"
    return Finding(
        "clock",
        f"{abs(ahead):.0f} s {how} the service's",
        "problem",
        "Set this machine's clock: --since and the ages of snapshots are wrong otherwise.",
    )
