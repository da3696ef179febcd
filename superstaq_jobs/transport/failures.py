"""What went wrong inside of the transport, told in the errors of this library.

Lives here: ``translated``. Used by ``transport`` alone; may import ``errors``, ``_attempts`` for
what an attempt knows, and urllib3 for its exceptions.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import zlib

from urllib3.exceptions import ClosedPoolError, EmptyPoolError, HTTPError
from urllib3.exceptions import TimeoutError as PoolTimeoutError

from superstaq_jobs.errors import (
    AnswerTooLarge,
    ConfigurationError,
    ProtocolError,
    RequestTimeout,
    SuperstaqException,
    TlsError,
    TransportError,
)

from .limits import Attempt, BadAnswer, CutAnswer, TooLarge

__all__ = ["translated"]

_Diagnosis = tuple[type[SuperstaqException], str, str]
"""Which error it is, what happened, and what to do now."""


def translated(error: Exception, *, where: str, attempt: Attempt) -> SuperstaqException:
    """The error to raise for one of urllib3, http.client or the operating system.

    It is a new one with nothing of the old one in it but words chosen here: a text that came from
    the server is never repeated, since it could hold what the server was sent, the key included.

    Args:
        error: What was raised inside.
        where: The request and the host, for the message.
        attempt: What is known of the request.
    """
    sent = attempt.sent and not attempt.connecting
    kind, what, advice = _diagnosis(_cause(error), attempt)
    message = (
        f"{where}: {what}. "
        f"{'The request was sent.' if sent else 'Nothing of the request was sent.'} {advice}"
    )
    return kind(message, sent=sent) if issubclass(kind, TransportError) else kind(message)


def _cause(error: Exception) -> Exception:
    """What urllib3 has wrapped: its errors have the inner one among their arguments."""
    while inner := next((arg for arg in error.args if isinstance(arg, Exception)), None):
        error = inner
    return error


def _diagnosis(  # noqa: PLR0911 - a table in all but name
    cause: Exception, attempt: Attempt
) -> _Diagnosis:
    match cause:
        case ClosedPoolError():
            return ConfigurationError, "this transport has been closed", "Make a new one."
        case TimeoutError() | PoolTimeoutError() | EmptyPoolError():
            return RequestTimeout, *_lateness(cause, attempt)
        case ssl.SSLError():
            return _tls_failure(cause, attempt)
        case http.client.RemoteDisconnected():
            what = "the server closed the connection without an answer"
            return TransportError, what, "Try again if the request is safe to repeat."
        case CutAnswer():
            return TransportError, _shortness(attempt), "Try again."
        case TooLarge() | http.client.LineTooLong():
            part = "body is" if attempt.answered else "headers are"
            what = f"the answer's {part} larger than allowed"
            return AnswerTooLarge, what, "Ask for less, or raise max_body_bytes."
        case http.client.HTTPException() if type(cause) is http.client.HTTPException:
            # Of this very class there is one: too many headers.
            return AnswerTooLarge, "the answer has too many headers", "Check the host."
        case OSError():
            return TransportError, *_system_failure(cause)
    return _nonsense(cause)


def _lateness(cause: Exception, attempt: Attempt) -> tuple[str, str]:
    if isinstance(cause, EmptyPoolError):
        what = f"all connections were busy for {attempt.timeout_seconds:g} s"
        return what, "Allow more time, or raise max_connections."
    if not attempt.seconds_left() > 0:
        step = "no connection" if attempt.connecting else "no whole answer"
        return f"there was {step} within {attempt.timeout_seconds:g} s", "Allow more time."
    if attempt.connecting:
        what = f"there was no connection within {attempt.connect_timeout_seconds:g} s"
        return what, "Check the host and port, or raise connect_timeout_seconds."
    what = f"the server was silent for {attempt.read_timeout_seconds:g} s"
    return what, "Try later, or raise read_timeout_seconds."


def _tls_failure(cause: ssl.SSLError, attempt: Attempt) -> _Diagnosis:
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        what = "the connection was closed inside of TLS"
        return TransportError, what, "Try again, or check that the port speaks TLS."
    reason = getattr(cause, "verify_message", "") or cause.reason or "no reason given"
    kind = TlsError if attempt.connecting else TransportError
    advice = "Check the host's name, or name the bundle of a private authority with ca_certs."
    return kind, f"TLS failed ({reason.rstrip('.')})", advice


def _shortness(attempt: Attempt) -> str:
    if not attempt.answered:
        return "the connection ended in the middle of the answer's headers"
    if attempt.content_length is not None:
        whole = attempt.content_length
        return f"only {attempt.body_bytes} of {whole} bytes of the answer's body came"
    return f"the answer's body was cut off after {attempt.body_bytes} bytes"


def _system_failure(cause: OSError) -> tuple[str, str]:
    if isinstance(cause, socket.gaierror):
        what = f"the host's name was not found ({cause.strerror})"
        return what, "Check the name, and the network of this machine."
    # What a proxy said to CONNECT stands in the text alone.
    status = re.search(r"Tunnel connection failed: (\d{3})", str(cause))
    if status:
        return f"the proxy refused with status {status[1]}", "Check proxy_url and its login."
    what = cause.strerror or "the connection failed"
    return what, "Check the host, its port and the network, or try again."


def _nonsense(cause: Exception) -> _Diagnosis:
    match cause:
        case BadAnswer():
            what = f"the answer is not proper HTTP: {cause}"
        case zlib.error():
            what = "the body of the answer is not compressed in the way that it says"
        case http.client.HTTPException() | ValueError() | HTTPError():
            what = f"the answer is not proper HTTP ({type(cause).__name__})"
        case _:
            what = f"an error that was not foreseen ({type(cause).__name__})"
            return TransportError, what, "Please report it."
    return ProtocolError, what, "Check the host, and the proxies on the way."
