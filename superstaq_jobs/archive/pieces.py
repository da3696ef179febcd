"""The wire body of a job in pieces: its large values, and the JSON between them. Pure.

Most of what a server says of a job is the same from poll to poll: the circuits as submitted and
compiled, the counts of those that are finished. So a body is cut at its large values, wherever they
are. No field of the API is known here.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from superstaq_jobs.records.frozen import canonical_data, canonical_json

__all__ = [
    "canonical_bytes",
    "checksum",
    "cut",
    "is_as_packed",
    "members_of",
    "object_of",
    "pack",
    "pack_pieces",
    "sha256",
    "unpack",
    "unpack_pieces",
]

_LARGE_BYTES: Final = 128
_GROUP: Final = 4
_GROUP_BYTES: Final = 16 * 1024
_COMPRESSED_BYTES: Final = 512
_PLAIN: Final = b"\x00"
_ZLIB: Final = b"\x01"
_ZLIB_HEADER: Final = 1 + 2
_RAW: Final = -15  # without zlib's own checksum, a fifth faster: every reader has a better one
_LEVEL: Final = 3  # a tenth longer than with 6, in half the time
_SMALL_WINDOW_BITS: Final = 12
_SMALL_MEMORY_LEVEL: Final = 5

# A job's lists in API v0.3.0; its circuits' fields in v0.2.0.
_MEMBERS: Final = msgspec.json.Decoder(
    dict[str, dict[str, Raw] | list[Raw] | str | int | float | bool | None]
).decode
_SORTED: Final = msgspec.json.Encoder(order="sorted").encode
_PIECES: Final = msgspec.json.Decoder(list[str | int]).decode


def cut(body: bytes) -> list[bytes]:
    """A JSON object in pieces, which are the object again when they are joined.

    Returns:
        At odd places, the large values among the entries of its members; at even places, what is
        before, between and after them.
    """
    pieces: list[bytes] = []
    done = 0
    for value in _values(body):
        if len(value) >= _LARGE_BYTES:
            # Most follow another with a comma between. Elsewhere, an equal string before it, inside
            # another value, would do as well.
            start = done + 1 if body.startswith(value, done + 1) else body.find(value, done)
            if start < 0:  # white space is in it: another program wrote it
                break
            pieces += [body[done:start], value]
            done = start + len(value)
    return [*pieces, body[done:]]


def _values(body: bytes) -> Iterator[bytes]:
    """The entries of an object's members, in their order; small ones of a list in groups.

    Reading a value takes time however small it is. The groups begin at fixed places in the list, so
    that most stay the same when an entry changes.
    """
    for member in members_of(body).values():
        if isinstance(member, dict):
            yield from map(bytes, member.values())
        elif isinstance(member, list):
            for start in range(0, len(member), _GROUP):
                entries = member[start : start + _GROUP]
                group = b",".join(entries)
                yield from [group] if len(group) <= _GROUP_BYTES else map(bytes, entries)


def members_of(body: bytes) -> dict[str, Any]:
    """The members of a JSON object by name, the entries of lists and objects as they are written.

    Without any if it is another value, or has a number that is too large to be read.
    """
    try:
        return _MEMBERS(body)
    except msgspec.MsgspecError:
        return {}


def object_of(members: dict[str, Any]) -> bytes:
    """A JSON object with such members."""
    return msgspec.json.encode(members)


def pack_pieces(pieces: Sequence[bytes], value_ids: Sequence[int]) -> bytes:
    """Pieces as they are stored, with the ids of the large values in their places."""
    written: list[str | int] = [piece.decode() for piece in pieces]
    written[1::2] = value_ids
    return pack(msgspec.json.encode(written))


def unpack_pieces(packed: bytes) -> list[str | int]:
    """The pieces, with the ids of large values in their places.

    Raises:
        ValueError: If they cannot be read.
    """
    return _PIECES(unpack(packed))


def pack(data: bytes) -> bytes:
    """Bytes as they are stored: compressed if that makes them shorter."""
    if len(data) >= _COMPRESSED_BYTES:
        packed = _ZLIB + _compress(data)
        if len(packed) < len(data):
            return packed + _crc32(packed)
    return _PLAIN + data


def _compress(data: bytes) -> bytes:
    if len(data) > 1 << _SMALL_WINDOW_BITS:
        return zlib.compress(data, _LEVEL)
    # zlib clears tables of a quarter of a megabyte otherwise. Without a table of codes of its own,
    # what is short is a quarter longer, and is read in three quarters of the time.
    packer = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _SMALL_WINDOW_BITS, _SMALL_MEMORY_LEVEL, zlib.Z_FIXED
    )
    return packer.compress(data) + packer.flush()


def unpack(packed: bytes) -> bytes:
    """The bytes that were packed.

    Raises:
        ValueError: If they cannot be read.
    """
    if packed[:1] == _PLAIN:
        return packed[1:]
    if packed[:1] != _ZLIB:
        raise ValueError(f"they begin with {packed[:1]!r}")
    try:
        return zlib.decompress(packed[_ZLIB_HEADER:], _RAW)
    except zlib.error as error:
        raise ValueError(str(error)) from None


def is_as_packed(packed: bytes) -> bool:
    """Whether bytes that can be unpacked are those that were packed.

    One string can be compressed in many ways, so that a bit may flip and unpack to the same. The
    CRC-32 behind compressed data changes even then; the first archives do not have it.
    """
    if packed[:1] == _PLAIN:
        return True
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(packed[1:])
    except zlib.error:  # in its header, which `unpack` skips
        return False
    end = unpacker.unused_data
    return end in {b"", _crc32(packed[: len(packed) - len(end)])}


def _crc32(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")


def sha256(data: bytes) -> bytes:
    """The SHA-256 of some bytes."""
    return hashlib.sha256(data).digest()


def checksum(*columns: bytes | str | int | None) -> bytes:
    """The checksum of a row: of its columns, with blobs in hexadecimal digits."""
    shown = [each.hex() if type(each) is bytes else each for each in columns]
    return sha256(msgspec.json.encode(shown))[:8]


def canonical_bytes(value: Any) -> bytes:
    """``canonical_json`` of a value, several times as fast if it is all in ASCII."""
    written = _SORTED(canonical_data(value, lambda number: Raw(repr(number).encode())))
    if written.isascii() and b"\x7f" not in written:  # the others are escaped
        return written
    return canonical_json(value).encode()
