"""Where a server or a proxy listens: scheme, host and port."""

from __future__ import annotations

import ipaddress
from typing import Final, Self
from urllib.parse import urlsplit

import attrs

from superstaq_jobs.errors import ConfigurationError
from superstaq_jobs.records.fields import is_a, shown
from superstaq_jobs.wire.request import Secret

__all__ = ["Address"]

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@attrs.frozen(kw_only=True)
class Address:
    """Where a server or a proxy listens.

    Attributes:
        scheme: ``http`` or ``https``.
        host: The host's name in ASCII, or its IP address without brackets.
        port: The port; that of the scheme if the URL names none.
        login: ``user:password`` as it stands in the URL; None if there is none.
    """

    scheme: str
    host: str
    port: int
    login: Secret | None = None

    @classmethod
    def parse(
        cls, url: str, *, name: str, may_have_path: bool = False, may_have_login: bool = False
    ) -> Self:
        """Read the URL ``https://host`` or ``https://host:port`` that was passed as ``name``.

        A path and a query, where allowed, are ignored. If it cannot be used, the
        ``ConfigurationError`` never shows a login.
        """
        if not is_a(url, str):
            got = type(url).__name__ if "@" in shown(url) else shown(url)
            raise ConfigurationError(f"{name} must be a string, got {got}. Nothing was sent")
        what = name if "@" in url else f"{name} {url!r}"
        readable = url.isprintable() and " " not in url  # urlsplit drops line breaks silently
        try:
            parts = urlsplit(url)
            port = parts.port
            host = parts.hostname or ""
            if not url.isascii():  # the name as it is looked up and sent
                host = host.encode("idna").decode("ascii")
        except ValueError:
            readable = False
        if not readable:
            raise ConfigurationError(
                f"{what} is not a valid address: expected https://host or https://host:port"
            )
        if parts.scheme not in _DEFAULT_PORTS or not parts.netloc:
            scheme = "http" if url.startswith(("localhost", "127.0.0.1", "[::1]")) else "https"
            hint = "" if "://" in url or "@" in url else f" Did you mean '{scheme}://{url}'?"
            raise ConfigurationError(
                f"{what} must begin with https:// (or http:// for this machine).{hint}"
            )
        login, at, _ = parts.netloc.rpartition("@")
        if at and not may_have_login:
            raise ConfigurationError(
                f"{name} contains a user name or password (not shown here), which the service does "
                "not use: remove it"
            )
        if not host:
            raise ConfigurationError(f"{what} does not name a host")
        if not may_have_path and (parts.path or parts.query or parts.fragment):
            raise ConfigurationError(
                f"{what} must end after the host or port: remove the path and the query"
            )
        return cls(
            scheme=parts.scheme,
            host=host,
            port=_DEFAULT_PORTS[parts.scheme] if port is None else port,
            login=Secret(login) if at else None,
        )

    @property
    def origin(self) -> str:
        """Scheme, host and port as a URL; without the port if it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = self.port == _DEFAULT_PORTS[self.scheme]
        return f"{self.scheme}://{host}" if default else f"{self.scheme}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether this is the machine itself."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
