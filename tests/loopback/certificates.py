"""Certificates for TLS servers on 127.0.0.1."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

__all__ = ["Tls"]


class Tls:
    """A certificate authority, certificates for 127.0.0.1 and elsewhere, and a stranger's.

    Attributes:
        bundle: The file that holds the authority's certificate.
        server: The server's side of TLS, with a good certificate.
        elsewhere: The same, with a certificate of another host.
        stranger: The same, with a certificate of another authority.
    """

    def __init__(self, folder: Path) -> None:
        trustme = pytest.importorskip("trustme")
        authority = trustme.CA()
        self.bundle = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.bundle)
        self.server = self._context(authority.issue_cert("127.0.0.1"))
        self.elsewhere = self._context(authority.issue_cert("elsewhere.example.com"))
        self.stranger = self._context(trustme.CA().issue_cert("127.0.0.1"))

    @staticmethod
    def _context(certificate: object) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)  # type: ignore[attr-defined]
        return context
