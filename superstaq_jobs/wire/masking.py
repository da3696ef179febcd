"""Secrets in what a server sent back: found in whatever way it wrote them, and masked. No I/O.

The rule: a secret is a string of at least 4 characters, since a shorter one occurs in other words.
Of a token that is an object, a string or number in it is a secret, at any depth, if it has a name
such as ``token`` or is not an ordinary word; of a proxy's login, the password is one too; of a
request's own options, what has such a name. Case does not matter. Where a string was cut, which
``…`` marks, the beginning of a secret is masked too.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from superstaq_jobs.records.inputs import SECRET_NAME

from .request import Secret

__all__ = ["Mask", "json_object", "secrets_in_request", "secrets_in_token"]

MIN_CHARACTERS: Final = 4
_MASKED: Final = "***"
_MAX_DEPTH: Final = 4
"""How often a secret may have been written anew: JSON in a string of JSON, in a URL."""
_MAX_TEXTS: Final = 150

_Decoder: TypeAlias = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
_Places: TypeAlias = tuple[Sequence[int], Sequence[int]]
"""Where in the original each character of a decoded string begins, and where it ends."""

_CUT: Final = re.compile(r"(?:…|\.{3})+")
_HALF_ESCAPE: Final = re.compile(
    r"(?:\\+(?:u\{?[0-9a-f]*|x[0-9a-f]?|[0-7]{1,2})?|%(?:u[0-9a-f]*|[0-9a-f]?)|&#?\w*)\Z",
    re.IGNORECASE,
)
_LONGEST_ESCAPE: Final = 40


_ORDINARY: Final = re.compile(r"\d{1,7}|[^\d]{1,15}|[^@\s]+@[^@\s]+")
"""Not a secret in a token unless it has the name of one: a word, a small number, an address."""


def secrets_in_token(secret: Secret) -> Iterator[Secret]:
    """A token or, if it is an object, every string and number in it that may be a secret."""
    token = json_object(secret.reveal())
    if token is None:
        yield secret
    yield from map(Secret, _leaves(token, is_secret=False))  # what is named like one
    for part in _leaves(token, is_secret=True):
        if not _ORDINARY.fullmatch(part):
            yield Secret(part)


def secrets_in_request(body: bytes | None) -> Iterator[Secret]:
    """What is named like a secret in a request's body, such as the options of a provider."""
    if body is not None and SECRET_NAME.search(body.decode("utf-8", "replace")):
        yield from map(
            Secret, _leaves(json_object(body.decode("utf-8", "replace")), is_secret=False)
        )


def json_object(text: str) -> Any:
    """The JSON object in a string, such as a provider's token; None for any other string."""
    try:
        return json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None


def _leaves(data: Any, *, is_secret: bool) -> Iterator[str]:
    if isinstance(data, dict):
        for name, value in data.items():
            yield from _leaves(value, is_secret=is_secret or bool(SECRET_NAME.search(name)))
    elif isinstance(data, list):
        for value in data:
            yield from _leaves(value, is_secret=is_secret)
    elif isinstance(data, str):
        if is_secret:
            yield data
        yield from _leaves(json_object(data), is_secret=is_secret)
    elif is_secret and isinstance(data, int | float) and not isinstance(data, bool):
        yield str(data)


class Mask:
    """Masks secrets in a string, however they are written there.

    That is: as they are, escaped as in JSON, Python, SQL, a URL or HTML, or in base64 or hex; or up
    to four of these, one inside the other. The string is decoded step by step, and each character
    keeps the place that it came from.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        texts = {text for secret in secrets for text in _spelled(secret.reveal())}
        # Secrets also here, since a traceback may show the frame.
        self._secrets = tuple(Secret(each) for each in texts if len(each) >= MIN_CHARACTERS)
        lengths = (len(each.reveal()) for each in self._secrets)
        self._shortest = min(lengths, default=MIN_CHARACTERS)
        self._decoders = _decoders(self._shortest)

    def __call__(self, text: str) -> str:
        """The string, in which each secret is ``***``. A long one is to be cut before."""
        if not self._secrets or (len(text) < self._shortest and not _CUT.search(text)):
            return text  # at once, since no spelling of a secret is shorter than itself
        # Where a string was cut, the beginning of a secret is enough.
        decoders = self._decoders if not _CUT.search(text) else _decoders(MIN_CHARACTERS)
        hidden: list[tuple[int, int]] = []
        seen = {text}
        everywhere: _Places = range(len(text)), range(1, len(text) + 1)
        queue = deque([(text, everywhere, 0)])
        while queue:
            read, places, depth = queue.popleft()
            hidden += self._found(read, places)
            for decoder in decoders if depth < _MAX_DEPTH else ():
                decoded, origins = _decoded(read, places, decoder)
                if decoded not in seen and len(seen) < _MAX_TEXTS:
                    seen.add(decoded)
                    queue.append((decoded, origins, depth + 1))
        return _covered(text, hidden)

    def _found(self, text: str, places: _Places) -> Iterator[tuple[int, int]]:
        lowered = _lowered(text)
        starts, ends = places
        cuts = [cut.start() for cut in _CUT.finditer(text)]
        for secret in self._secrets:
            at, size = lowered.find(secret.reveal()), len(secret.reveal())
            while at >= 0:
                yield starts[at], ends[at + size - 1]
                at = lowered.find(secret.reveal(), at + size)
            for cut in cuts:
                half = _HALF_ESCAPE.search(text, max(0, cut - _LONGEST_ESCAPE), cut)
                for end in {cut, half.start() if half else cut}:
                    begin = end - _ends_with_beginning(lowered, end, secret)
                    if begin < end:
                        yield starts[begin], ends[cut - 1]


def _spelled(secret: str) -> Iterator[str]:
    """What is searched for, in lower case: a secret, and what decoding a string may leave of it.

    That is: with spaces as in a form, or collapsed; read as Latin-1; in UTF-16; in base32.
    """
    data = secret.encode("utf-8", "replace")
    written = (secret, secret.replace(" ", "+"), " ".join(secret.split()), "\0".join(secret))
    yield from map(_lowered, written)
    yield _lowered(data.decode("latin-1"))
    yield from map(_lowered, aligned(base64.b32encode, data, of=5))


def aligned(encode: Callable[[bytes], bytes], data: bytes, *, of: int) -> Iterator[str]:
    """What is the same of some bytes in base64 or base32, whatever is around them.

    ``of`` is how many bytes are written together: 3 in base64, 5 in base32.
    """
    for before in range(of):
        encoded = encode(b"-" * before + data).decode()
        characters = {3: 4, 5: 8}[of]
        yield encoded[-(-before * characters // of) : (before + len(data)) * characters // of]


def _lowered(text: str) -> str:
    """The string in lower case, of the same length."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


def _ends_with_beginning(text: str, end: int, secret: Secret) -> int:
    """How many characters of a secret stand before a place where a string was cut."""
    whole = secret.reveal()
    lengths = range(min(len(whole), end), MIN_CHARACTERS - 1, -1)
    return next((n for n in lengths if text.endswith(whole[:n], 0, end)), 0)


def _covered(text: str, hidden: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    end = 0
    for start, stop in sorted(hidden):
        if start >= end:
            parts += [text[end:start], _MASKED]
        end = max(end, stop)
    return "".join([*parts, text[end:]])


# ---- decoding ------------------------------------------------------------------------------------


def _decoded(text: str, places: _Places, decoder: _Decoder) -> tuple[str, _Places]:
    pattern, decode = decoder
    starts, ends = places
    parts: list[str] = []
    new_starts: list[int] = []
    new_ends: list[int] = []
    end = 0
    for found in pattern.finditer(text):
        start, stop = found.span()
        decoded = decode(found)
        parts += [text[end:start], decoded]
        new_starts += [*starts[end:start], *itertools.repeat(starts[start], len(decoded))]
        new_ends += [*ends[end:start], *itertools.repeat(ends[stop - 1], len(decoded))]
        end = stop
    if not parts:
        return text, places
    return "".join([*parts, text[end:]]), ([*new_starts, *starts[end:]], [*new_ends, *ends[end:]])


_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def _from_backslashes(found: re.Match[str]) -> str:
    pair, code, other = found.groups()
    if pair:
        return (bytes.fromhex(pair[:4]) + bytes.fromhex(pair[-4:])).decode("utf-16-be", "replace")
    if not code:
        return _LETTERS.get(other, other)
    number = int(code, 8) if code.isdigit() else int(code[1:].strip("{}"), 16)
    return chr(min(number, 0x10FFFF))


def _from_percents(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "replace")


def _from_html(found: re.Match[str]) -> str:
    import html  # a table of all named characters, which few programs need

    return html.unescape(found[0])


def _from_hex(found: re.Match[str]) -> str:
    return bytes.fromhex(re.sub("[:-]", "", found[1])).decode("latin-1")


def _from_base64(found: re.Match[str]) -> str:
    sent = "".join(found[1].split()).replace("-", "+").replace("_", "/")
    sent = sent[:-1] if len(sent) % 4 == 1 else sent  # one alone says nothing
    return base64.b64decode(sent + "=" * (-len(sent) % 4)).decode("latin-1")


_ESCAPES: Final[tuple[_Decoder, ...]] = (
    (
        re.compile(
            r"\\u(d[89ab][0-9a-f]{2}\\u(?:d[c-f][0-9a-f]{2}))"
            r"|\\((?-i:U)[0-9a-f]{8}|u[0-9a-f]{4}|u\{[0-9a-f]{1,6}\}|x[0-9a-f]{2}|[0-7]{3})|\\(.)",
            re.IGNORECASE | re.DOTALL,
        ),
        _from_backslashes,
    ),
    (
        re.compile(r"%u([0-9a-f]{4})|%[0-7][0-9a-f]|(?:%[89a-f][0-9a-f])+", re.IGNORECASE),
        _from_percents,
    ),
    (re.compile(r"&(?:#0*\d{1,7}|#x0*[0-9a-f]{1,6}|\w{1,30});?", re.IGNORECASE), _from_html),
    (re.compile(r"([\"'])\1"), lambda found: found[1]),
    (
        re.compile(r"=(?:[0-9a-f]{2}|\r?\n)", re.IGNORECASE),
        lambda found: bytes.fromhex(found[0][1:]).decode("latin-1"),
    ),
)


def _decoders(shortest: int) -> tuple[_Decoder, ...]:
    """All decoders; of bytes in hex and base64 only runs that can hold a secret."""
    # Hex may begin at any of the first two characters of a run, and base64 of the first four.
    in_hex = rf"([0-9a-f]{{2}}(?:[ :-]?[0-9a-f]{{2}}){{{shortest - 1},}})"
    in_base64 = rf"((?:[\w+/-](?:\r?\n)?){{{-(-shortest * 4 // 3)},}})"
    return (
        *_ESCAPES,
        *(
            (re.compile(rf"(?<![0-9a-f])[0-9a-f]{{{n}}}{in_hex}", re.IGNORECASE), _from_hex)
            for n in range(2)
        ),
        *(
            (re.compile(rf"(?<![\w+/-])[\w+/-]{{{n}}}{in_base64}", re.ASCII), _from_base64)
            for n in range(4)
        ),
    )
