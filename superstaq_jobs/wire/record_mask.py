"""Secrets that a server echoes where records are made of them: they are not kept. No I/O.

A program keeps, prints and publishes records, and makes errors of them where no client is at hand.
Circuits are in these bodies too, so only the usual spellings are searched for.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar
from urllib.parse import quote, quote_plus

import attrs

from superstaq_jobs.errors import ProtocolError
from superstaq_jobs.records import CircuitSnapshot, CircuitStatus, JobSnapshot
from superstaq_jobs.records.budget import paced, spend

from .call import Reader
from .job_data import Decoded
from .masking import Mask, aligned
from .request import Secret

__all__ = ["RecordMask"]

T = TypeVar("T")

_MIN_CHARACTERS: Final = 8
"""What is shorter may be data as well."""
_MASKED: Final = b"***"
_REASON_CHARACTERS: Final = 2000
"""How much of the reason for a failure is searched thoroughly: twice what an error shows of it."""
_ESCAPED: Final = b"\\u"
_SIGNS: Final = b"%", b"&", b""
"""What few bodies contain: without it, what contains it need not be searched for."""
_NEEDLESS: Final = re.compile(rb"\\u00[2-7]")
_SECONDS_FOR_AN_ESCAPE: Final = 1e-6
_ESCAPES: Final = re.compile(rb"(?:\\u[0-9a-fA-F]{4})+|\\.", re.DOTALL)
_HTML: Final = [
    str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': quote, "'": apostrophe})
    for quote, apostrophe in (("&quot;", "&#x27;"), ("&quot;", "&#39;"), ("&#34;", "&#39;"))
]
_UNQUOTED: Final = "", "/", "!'()*", "/!'()*,;:?@&=+$#"
"""What a URL leaves as it is: by ``quote``, or JavaScript's functions."""


class RecordMask:
    """Masks secrets in what records are made of.

    In a body those of at least 8 characters are found, as JSON, a URL or HTML may write them, and
    in base64 or hex, in either case. Reasons for failures and unknown statuses, which errors
    repeat, are searched as messages are, by a ``Mask``.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        every = tuple(secrets)
        kept = [each for each in every if len(each.reveal()) >= _MIN_CHARACTERS]
        # A character beyond ASCII may be escaped, so all escapes are read if a secret has one.
        is_ascii = all(each.reveal().isascii() for each in kept)
        self._needless = _NEEDLESS if is_ascii else re.compile(re.escape(_ESCAPED))
        texts = {text for each in kept for text in _written(each.reveal())}
        # Secrets also here, since a traceback may show the frame. One may be part of another.
        self._written: dict[bytes, list[Secret]] = {sign: [] for sign in _SIGNS}
        for text in sorted(texts, key=len, reverse=True):
            self._written[next(s for s in _SIGNS if s.decode() in text)].append(Secret(text))
        self._mask = Mask(every)

    def read(self, read: Reader[T], body: bytes, *provenance: Any) -> Decoded[T]:
        """What a reader returns or raises for a body, without the secrets."""
        try:
            decoded = read(self.in_body(body), *provenance)
        except ProtocolError as error:
            error.found = self._in_records(error.found)
            raise
        return Decoded(self._in_records(decoded.value), decoded.warnings)

    def in_body(self, body: bytes) -> bytes:
        """A body in which the secrets are ``***``; the very same if there are none."""
        if self._needless.search(body):
            spend(_SECONDS_FOR_AN_ESCAPE * body.count(b"\\"))
            body = _ESCAPES.sub(_without_need, body)
        lowered = body.lower()
        for sign in _SIGNS:
            for secret in self._written[sign] if sign in lowered else ():
                text = secret.reveal().encode()
                if text in lowered:
                    body = re.sub(re.escape(text), _MASKED, body, flags=re.IGNORECASE)
                    lowered = body.lower()
        return body

    def _in_records(self, records: Any) -> Any:
        """The records; jobs among them without secrets in what errors repeat."""
        if not isinstance(records, tuple):
            return records
        return tuple(self._in_job(r) if isinstance(r, JobSnapshot) else r for r in records)

    def _in_job(self, job: JobSnapshot) -> JobSnapshot:
        circuits = tuple(map(self._in_circuit, paced(job.circuits)))
        return job if circuits == job.circuits else attrs.evolve(job, circuits=circuits)

    def _in_circuit(self, circuit: CircuitSnapshot) -> CircuitSnapshot:
        message, status = circuit.status_message, circuit.status_text
        if message:
            message = self._in_text(message)
        if circuit.status is CircuitStatus.UNKNOWN:
            status = self._in_text(status)
        if (message, status) == (circuit.status_message, circuit.status_text):
            return circuit
        return attrs.evolve(circuit, status_message=message, status_text=status)

    def _in_text(self, text: str) -> str:
        spend()
        return self._mask(text[:_REASON_CHARACTERS]) + text[_REASON_CHARACTERS:]


def _without_need(escape: re.Match[bytes]) -> bytes:
    if len(escape[0]) == len(_ESCAPED):  # such as \n; \u without its digits is not JSON
        return escape[0]
    text = _in_json(json.loads(b'"%b"' % escape[0]), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")  # half a pair of surrogates stays escaped


def _in_json(text: str, *, ensure_ascii: bool = True) -> str:
    return json.dumps(text, ensure_ascii=ensure_ascii)[1:-1]


def _written(secret: str) -> Iterator[str]:
    """What is searched for in a body in lower case, whose needless escapes have been read."""
    data = secret.encode("utf-8", "replace")
    urls = [*(quote(data, safe=safe) for safe in _UNQUOTED), quote_plus(data)]
    codes = [*aligned(base64.b64encode, data, of=3), *aligned(base64.urlsafe_b64encode, data, of=3)]
    codes += [*map(quote_plus, codes), data.hex()]
    units = secret.encode("utf-16-be", "surrogatepass").hex()
    codes += [re.sub("....", r"\\u\g<0>", units), re.sub("..", r"%\g<0>", data.hex())]
    texts = {secret, *urls, *map(secret.translate, _HTML), *codes}
    for text in texts if not secret.isdigit() else ():  # a number is data, and not in a string
        once = _in_json(text, ensure_ascii=False)
        for written in (once, _in_json(once, ensure_ascii=False), _in_json(_in_json(text))):
            for slash in ("/", "\\/"):
                lowered = written.replace("/", slash).encode("utf-8", "replace").lower()
                yield lowered.decode()
