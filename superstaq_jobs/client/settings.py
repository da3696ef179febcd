"""Where the service is and which key opens it, from arguments, environment and files.

Lives here: the look-ups of the API key and the host, as the official client does them, and the
provider credentials. The one effect is reading the environment and the key files. May import
``errors`` and ``sansio``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from superstaq_jobs.errors import ApiKeyNotFound, ConfigurationError
from superstaq_jobs.wire.request import Secret, header_value_problem

__all__ = ["API_KEY_VARIABLE", "REMOTE_HOST_VARIABLE", "find_api_key", "find_origin"]

API_KEY_VARIABLE: Final = "SUPERSTAQ_API_KEY"
"""The environment variable that holds the API key."""

REMOTE_HOST_VARIABLE: Final = "SUPERSTAQ_REMOTE_HOST"
"""The environment variable that holds the host."""

_FILE_NAMES: Final = ("superstaq_api_key", "superstaq-api-key")
_IBM_CHANNELS: Final = ("ibm_quantum_platform", "ibm_cloud")


Environ = Callable[[str], str | None]
"""Looks one variable of the environment up. Not the environment itself: its ``repr`` shows all."""


def check_secret(secret: Secret, *, name: str) -> Secret:
    """A secret that can go into a header.

    Raises:
        ConfigurationError: If it cannot, without showing it.
    """
    if problem := _header_problem(secret):
        raise ConfigurationError(f"{name} {problem}; nothing was sent")
    return secret


def header_text(text: str, *, name: str) -> str:
    """A text that can go into a header.

    Raises:
        ConfigurationError: If it cannot.
    """
    if problem := _header_problem(Secret(text)):
        raise ConfigurationError(f"{name} {problem}; nothing was sent")
    return text


def _header_problem(secret: Secret) -> str:
    return "must not be empty" if secret == Secret("") else header_value_problem(secret)


def find_api_key(given: Secret | None, *, environ: Environ, home: Path) -> Secret:
    """The API key: the argument, the environment, or the first key file that there is.

    Args:
        given: The argument; None to look further.
        environ: Looks a variable of the environment up.
        home: The user's home directory.

    Raises:
        ApiKeyNotFound: With every place that was looked at.
        ConfigurationError: If the key cannot be sent as a header.
    """
    if given is not None:
        return check_secret(given, name="api_key")
    looked_in = ["the argument api_key", f"the environment variable {API_KEY_VARIABLE}"]
    found = Secret(environ(API_KEY_VARIABLE) or "")
    if found.reveal():
        return check_secret(found, name=f"the environment variable {API_KEY_VARIABLE}")
    for path in _key_files(environ, home):
        looked_in.append(str(path))
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                found = Secret(file.readline().strip())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        except OSError as error:
            looked_in[-1] += f" (cannot be read: {error.strerror})"
            continue
        if found.reveal():
            return check_secret(found, name=str(path))
        looked_in[-1] += " (its first line is empty)"
    raise ApiKeyNotFound(looked_in)


def _key_files(environ: Environ, home: Path) -> Iterator[Path]:
    data = Path(environ("XDG_DATA_HOME") or home / ".local" / "share").expanduser()
    folders = [data / "super.tech", data / "coldquanta", home / ".super.tech", home / ".coldquanta"]
    for folder in folders:
        for name in _FILE_NAMES:
            yield folder / name


def find_origin(given: str | None, *, environ: Environ, default: str) -> str:
    """Scheme and authority of the service: the argument, the environment, or the default.

    As with the official client, whatever follows the authority is dropped.

    Args:
        given: The argument; None or empty to look further.
        environ: Looks a variable of the environment up.
        default: The API version's own host.

    Raises:
        ConfigurationError: If it has no scheme or no host, or holds a user name.
    """
    host = given or environ(REMOTE_HOST_VARIABLE) or default
    try:
        parts = urlsplit(host)
        name, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"remote_host {host!r} is no address: {error}") from None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        hint = f"; did you mean 'https://{host}'?" if "://" not in host else ""
        raise ConfigurationError(
            f"remote_host {host!r} has no scheme: it must begin with https:// (or http:// for "
            f"this machine){hint}"
        )
    if not name:
        raise ConfigurationError(f"remote_host {host!r} names no host")
    if "@" in parts.netloc:
        raise ConfigurationError(
            "remote_host holds a user name or password, which this service does not use; they "
            "are not shown here"
        )
    authority = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{authority}" + (f":{port}" if port is not None else "")


def provider_credentials(
    *,
    ibmq_token: Secret | None,
    ibmq_instance: str | None,
    ibmq_channel: str | None,
    cq_token: Secret | None,
) -> tuple[tuple[str, Secret], ...]:
    """The headers that hold the credentials of other providers.

    Raises:
        ConfigurationError: If one cannot be sent as a header, or the channel is none of IBM's.
    """
    if ibmq_channel is not None and ibmq_channel not in _IBM_CHANNELS:
        raise ConfigurationError(
            f"ibmq_channel {ibmq_channel!r} is none of {', '.join(_IBM_CHANNELS)} "
            "('ibm_quantum' was shut down on 1 July 2025)"
        )
    given = {
        "ibmq_token": ibmq_token,
        "ibmq_instance": None if ibmq_instance is None else Secret(ibmq_instance),
        "ibmq_channel": None if ibmq_channel is None else Secret(ibmq_channel),
        "cq_token": cq_token,
    }
    return tuple(
        (name, check_secret(value, name=name)) for name, value in given.items() if value is not None
    )
