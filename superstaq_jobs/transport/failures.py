"""Errors of urllib3, http.client and the operating system, as errors of this library."""

from __future__ import annotations

import http.client
import queue
import re
import socket
import ssl
import zlib
from typing import Final

from urllib3.exceptions import HTTPError

from superstaq_jobs.errors import (
    AnswerTooLarge,
    ConfigurationError,
    ProtocolError,
    RequestTimeout,
    SuperstaqException,
    TlsError,
    TransportError,
)

from .limits import BadResponse, Closed, CutResponse, Limits, TooLarge

__all__ = ["translated"]

# What OpenSSL, in its versions, says of a peer whose first bytes are "HTTP/1.1".
_NOT_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
# The class of the error, what happened, and what to do now.
_Diagnosis = tuple[type[SuperstaqException], str, str]


def translated(error: Exception, *, where: str, limits: Limits) -> SuperstaqException:
    """The error to raise for one of urllib3, http.client or the operating system.

    It is a new one that holds nothing of the old one but words chosen here: a string that came from
    the server is never repeated, since it could hold what the server was sent, the key included.
    ``where`` names the request and the host.
    """
    sent = limits.sent and not limits.connecting
    kind, what, advice = _diagnosis(error, limits)
    if limits.cancelled:  # a socket that was shut down fails in many ways
        kind, what, advice = TransportError, "it was cancelled", "Send it again if you need it."
    extent = "The request was sent." if sent else "Nothing of the request was sent."
    message = f"{where}: {what}. {extent} {advice}"
    return kind(message, sent=sent) if issubclass(kind, TransportError) else kind(message)


def _diagnosis(  # noqa: PLR0911 - a table in all but name
    error: Exception, limits: Limits
) -> _Diagnosis:
    match error:
        case Closed():
            what = "the client, or its transport, has been closed"
            return ConfigurationError, what, "Create a new client."
        case queue.Empty():
            what = f"all connections were busy for {limits.timeout_seconds:g} s"
            return RequestTimeout, what, "Allow more time, or raise max_connections."
        case TimeoutError():
            return RequestTimeout, *_lateness(limits)
        case ssl.SSLError():
            return _tls_failure(error, limits)
        case http.client.RemoteDisconnected():
            what = "the server closed the connection without a response"
            return TransportError, what, "Try again if the request is safe to retry."
        case CutResponse():
            return TransportError, _shortness(limits), "Try again."
        case TooLarge() | http.client.LineTooLong():
            part = "body is" if limits.head_received else "headers are"
            what = f"the response's {part} larger than allowed"
            return AnswerTooLarge, what, "Request less, or raise max_body_bytes."
        case http.client.HTTPException() if type(error) is http.client.HTTPException:
            # Of this very class there is one: too many headers.
            return AnswerTooLarge, "the response has too many headers", "Check the host."
        case OSError():
            return TransportError, *_system_failure(error)
    return _nonsense(error)


def _lateness(limits: Limits) -> tuple[str, str]:
    if not limits.seconds_left() > 0:
        step = "no connection" if limits.connecting else "no complete response"
        return f"there was {step} within {limits.timeout_seconds:g} s", "Allow more time."
    if limits.connecting:
        what = f"there was no connection within {limits.connect_timeout_seconds:g} s"
        return what, "Check the host and port, or raise connect_timeout_seconds."
    what = f"the server was silent for {limits.read_timeout_seconds:g} s"
    return what, "Try later, or raise read_timeout_seconds."


def _tls_failure(error: ssl.SSLError, limits: Limits) -> _Diagnosis:
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        what = "the connection was closed inside of TLS"
        return TransportError, what, "Try again, or check that the port speaks TLS."
    if error.reason in _NOT_TLS and limits.connecting:
        what = "the server's port does not speak TLS, but probably plain http"
        advice = "Check scheme and port: http:// instead of https://, or another port."
        return TlsError, what, advice
    reason = getattr(error, "verify_message", "") or error.reason or "no reason given"
    kind = TlsError if limits.connecting else TransportError
    advice = "Check the host's name, or pass the bundle of a private authority as ca_certs."
    return kind, f"TLS failed ({reason.rstrip('.')})", advice


def _shortness(limits: Limits) -> str:
    if not limits.head_received:
        return "the connection ended in the middle of the response's headers"
    if limits.content_length is not None:
        expected = limits.content_length
        return f"only {limits.body_bytes} of {expected} bytes of the response's body arrived"
    return f"the response's body was cut off after {limits.body_bytes} bytes"


def _system_failure(error: OSError) -> tuple[str, str]:
    if isinstance(error, socket.gaierror):
        what = f"the host's name was not found ({error.strerror})"
        return what, "Check the name, and the network of this machine."
    # The status of a proxy's response to CONNECT is only in the message.
    status = re.search(r"Tunnel connection failed: (\d{3})", str(error))
    if status:
        return f"the proxy refused with status {status[1]}", "Check proxy_url and its login."
    what = error.strerror or "the connection failed"
    return what, "Check the host, its port and the network, or try again."


def _nonsense(error: Exception) -> _Diagnosis:
    match error:
        case BadResponse():
            what = f"the response is not valid HTTP: {error}"
        case zlib.error():
            what = "the body of the response is not compressed in the way that its headers say"
        case http.client.HTTPException() | ValueError() | HTTPError():
            what = f"the response is not valid HTTP ({type(error).__name__})"
        case _:
            what = f"an unexpected error occurred ({type(error).__name__})"
            return TransportError, what, "Please report it."
    return ProtocolError, what, "Check the host, and the proxies on the way."
