"""Where the service is and which key opens it, from arguments, environment and files.

Lives here: the look-ups of the API key and the host, as the official client does them, and the
provider credentials. The one effect is reading the environment and the key files. May import
``errors`` and ``sansio``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from .errors import ApiKeyNotFound, ConfigurationError
from .sansio import Secret

__all__ = ["API_KEY_VARIABLE", "REMOTE_HOST_VARIABLE", "find_api_key", "find_origin"]

API_KEY_VARIABLE: Final = "SUPERSTAQ_API_KEY"
"""The environment variable that holds the API key."""

REMOTE_HOST_VARIABLE: Final = "SUPERSTAQ_REMOTE_HOST"
"""The environment variable that holds the host."""

_FILE_NAMES: Final = ("superstaq_api_key", "superstaq-api-key")
_IBM_CHANNELS: Final = ("ibm_quantum_platform", "ibm_cloud")


def secret(text: object, *, name: str) -> Secret:
    """A secret that can go into a header.

    Raises:
        ConfigurationError: If it cannot, without showing it.
    """
    return Secret(header_text(text, name=name))


def header_text(text: object, *, name: str) -> str:
    """A text that can go into a header.

    Raises:
        ConfigurationError: If it cannot, without showing it.
    """
    if not isinstance(text, str) or not text:
        raise ConfigurationError(f"{name} is no text, or an empty one; nothing was sent")
    if text != text.strip() or not (text.isascii() and text.isprintable()):
        raise ConfigurationError(
            f"{name} has a character that no header can hold, or a space or line break at an end "
            "(copied with it, perhaps); nothing was sent"
        )
    return text


def find_api_key(given: str | None, *, environ: Mapping[str, str], home: Path) -> Secret:
    """The API key: the argument, the environment, or the first key file that there is.

    Args:
        given: The argument; None or empty to look further.
        environ: The environment.
        home: The user's home directory.

    Raises:
        ApiKeyNotFound: With every place that was looked at.
        ConfigurationError: If the key cannot be sent as a header.
    """
    if given:
        return secret(given, name="api_key")
    looked_in = ["the argument api_key", f"the environment variable {API_KEY_VARIABLE}"]
    if text := environ.get(API_KEY_VARIABLE):
        return secret(text, name=f"the environment variable {API_KEY_VARIABLE}")
    for path in _key_files(environ, home):
        looked_in.append(str(path))
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                text = file.readline().strip()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        except OSError as error:
            looked_in[-1] += f" (cannot be read: {error.strerror})"
            continue
        if text:
            return secret(text, name=str(path))
        looked_in[-1] += " (its first line is empty)"
    raise ApiKeyNotFound(looked_in)


def _key_files(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share").expanduser()
    folders = [data / "super.tech", data / "coldquanta", home / ".super.tech", home / ".coldquanta"]
    for folder in folders:
        for name in _FILE_NAMES:
            yield folder / name


def find_origin(given: str | None, *, environ: Mapping[str, str], default: str) -> str:
    """Scheme and authority of the service: the argument, the environment, or the default.

    As with the official client, whatever follows the authority is dropped.

    Args:
        given: The argument; None or empty to look further.
        environ: The environment.
        default: The API version's own host.

    Raises:
        ConfigurationError: If it has no scheme or no host, or holds a user name.
    """
    host = given or environ.get(REMOTE_HOST_VARIABLE) or default
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
    ibmq_token: str | None,
    ibmq_instance: str | None,
    ibmq_channel: str | None,
    cq_token: str | Mapping[str, Any] | None,
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
    if cq_token is not None and not isinstance(cq_token, str):
        cq_token = json.dumps(dict(cq_token))
    given = {
        "ibmq_token": ibmq_token,
        "ibmq_instance": ibmq_instance,
        "ibmq_channel": ibmq_channel,
        "cq_token": cq_token,
    }
    return tuple(
        (name, secret(text, name=name)) for name, text in given.items() if text is not None
    )
