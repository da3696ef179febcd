"""A client's settings: its key and host, as the official client finds them, and their checks.

Reading the environment and the key files is the only effect.
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import unquote

from superstaq_jobs.errors import ApiKeyNotFound, ConfigurationError
from superstaq_jobs.records import fields
from superstaq_jobs.records.fields import shown
from superstaq_jobs.records.problems import warn
from superstaq_jobs.transport.address import Address
from superstaq_jobs.transport.limits import check
from superstaq_jobs.wire.api import APIS, Api
from superstaq_jobs.wire.request import Secret, header_value_problem

from .recorder import Recorder

__all__ = [
    "API_KEY_VARIABLE",
    "API_VERSION_VARIABLE",
    "REMOTE_HOST_VARIABLE",
    "find_api",
    "find_origin",
    "locate_api_key",
]

API_KEY_VARIABLE: Final = "SUPERSTAQ_API_KEY"
REMOTE_HOST_VARIABLE: Final = "SUPERSTAQ_REMOTE_HOST"

API_VERSION_VARIABLE: Final = "SUPERSTAQ_API_VERSION"
"""The environment variable that chooses the version of the API."""

T = TypeVar("T")

_RECORDS: Final = ("record_all", "expect")
_FILE_NAMES: Final = ("superstaq_api_key", "superstaq-api-key")
_MAX_KEY_FILE_BYTES: Final = 65_536
_IBM_CHANNELS: Final = ("ibm_quantum_platform", "ibm_cloud")

Environ = Callable[[str], str | None]
"""Gets one environment variable. Not the environment itself, whose ``repr`` shows everything."""


def _read(environ: Environ, name: str) -> str:
    """An environment variable without surrounding white space, such as the end of a line."""
    return (environ(name) or "").strip()


def one_of(options: Iterable[T], value: object, *, name: str) -> T:
    """The option that a value equals; raises ``ConfigurationError`` if there is none."""
    listed = tuple(options)
    for option in listed:
        if fields.is_a(value, str) and option == value:
            return option
    names = ", ".join(map(str, listed))
    raise ConfigurationError(f"{name} must be one of {names}; got {shown(value)}. Nothing was sent")


def check_recorder(value: Recorder | None) -> Recorder | None:
    """The recorder; raises ``ConfigurationError`` if it cannot record."""
    records = value is None or all(callable(getattr(value, each, None)) for each in _RECORDS)
    check(records, "recorder", value, "a SnapshotArchive, or have its record_all and expect")
    return value


def check_header(value: Secret, *, name: str) -> Secret:
    """The value; raises ``ConfigurationError``, without it, if it cannot be sent in a header."""
    problem = header_value_problem(value) or ("" if value.reveal() else "must not be empty")
    if problem:
        raise ConfigurationError(f"{name} {problem}. Nothing was sent")
    return value


def locate_api_key(given: Secret | None, *, environ: Environ, home: Path) -> tuple[Secret, str]:
    """The API key, and where it was found: the argument, the variable, or the first key file.

    Raises ``ApiKeyNotFound``, or ``ConfigurationError`` if the key cannot be sent in a header.
    """
    looked_in = ["the argument api_key", f"the environment variable {API_KEY_VARIABLE}"]
    if given is not None:
        return check_header(given, name="api_key"), looked_in[0]
    found = Secret(_read(environ, API_KEY_VARIABLE))
    if found.reveal():
        return check_header(found, name=looked_in[1]), looked_in[1]
    for path in _key_files(environ, home):
        looked_in.append(str(path))
        try:
            found = _first_line(path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        except OSError as error:
            looked_in[-1] += f" (cannot be read: {error.strerror})"
            continue
        if found.reveal():
            return check_header(found, name=str(path)), looked_in[-1]
        looked_in[-1] += " (its first line is empty)"
    raise ApiKeyNotFound(looked_in)


def _first_line(path: Path) -> Secret:
    """The first line of a key file, without the white space around it.

    Editors and shells on Windows write UTF-8 or UTF-16 behind a byte order mark.
    """
    with path.open("rb") as file:
        start = file.read(_MAX_KEY_FILE_BYTES)
    is_utf_16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = start.decode("utf-16" if is_utf_16 else "utf-8-sig", errors="replace")
    return Secret(io.StringIO(text, newline=None).readline().strip())


def _key_files(environ: Environ, home: Path) -> list[Path]:
    data = Path(environ("XDG_DATA_HOME") or home / ".local" / "share").expanduser()
    folders = [data / "super.tech", data / "coldquanta", home / ".super.tech", home / ".coldquanta"]
    return [folder / name for folder in folders for name in _FILE_NAMES]


def find_api(given: str | None, *, environ: Environ) -> Api:
    """The version of the API: from the argument, the environment, or the default."""
    name, version = "api_version", given
    if version is None and (version := _read(environ, API_VERSION_VARIABLE) or None) is not None:
        name = f"the environment variable {API_VERSION_VARIABLE}"
    return APIS[next(iter(APIS)) if version is None else one_of(APIS, version, name=name)]


def find_origin(given: str | None, *, environ: Environ, default: str) -> str:
    """Scheme, host and port of the service: from the argument, the environment, or the default.

    As in the official client, whatever follows the port is ignored, but with a warning.
    """
    host = given
    if host is None or (fields.is_a(host, str) and not host):
        host = _read(environ, REMOTE_HOST_VARIABLE) or default
    origin = Address.parse(host, name="remote_host", may_have_path=True).origin
    dropped = host.partition("://")[2].partition("/")[2] or "?" in host or "#" in host
    if dropped:
        warn(
            f"only {origin} of remote_host is used, as in the official client: what follows the "
            "host is dropped. Leave it out; api_version chooses the version of the API"
        )
    return origin


def check_version(origin: str, api: Api) -> None:
    """Raise a ``ConfigurationError`` if it is the service's host for another version of the API."""
    for other in APIS.values():
        if other is not api and origin == other.default_origin:
            raise ConfigurationError(
                f"{origin} is the host of API {other.version}, and api_version is {api.version}. "
                f"Nothing was sent. Pass api_version={other.version!r}, or leave out the host (the "
                f"argument remote_host, or the environment variable {REMOTE_HOST_VARIABLE})"
            )


def provider_credentials(
    *,
    ibmq_token: Secret | None,
    ibmq_instance: str | None,
    ibmq_channel: str | None,
    cq_token: Secret | None,
) -> tuple[tuple[str, Secret], ...]:
    """The headers with the credentials of other providers.

    Raises ``ConfigurationError`` if one cannot be sent, or the channel is not one of IBM's.
    """
    if ibmq_channel is not None:
        # Their predecessor, ibm_quantum, was shut down on 1 July 2025.
        one_of(_IBM_CHANNELS, ibmq_channel, name="ibmq_channel")
    given = {
        "ibmq_token": ibmq_token,
        "ibmq_instance": None if ibmq_instance is None else Secret(ibmq_instance),
        "ibmq_channel": None if ibmq_channel is None else Secret(ibmq_channel),
        "cq_token": cq_token,
    }
    return tuple(
        (name, check_header(value, name=name)) for name, value in given.items() if value is not None
    )


def token_secret(token: str | Mapping[str, Any]) -> Secret:
    """A provider's token, given as a string or as the mapping that contains it."""
    return Secret(json.dumps(dict(token)) if isinstance(token, Mapping) else token)


def less_secret(proxy_url: Secret | None, instance: str | None) -> Iterator[Secret]:
    """Further strings that no message may show: a proxy's login, its password, an IBM instance."""
    url = "" if proxy_url is None else proxy_url.reveal()
    login = unquote(url.rpartition("://")[2].rpartition("@")[0])
    yield from map(Secret, (login, login.partition(":")[2], instance or ""))


def without_login(url: str) -> str:
    """A proxy's URL without the user name and password."""
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest
