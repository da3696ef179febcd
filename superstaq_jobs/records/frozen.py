"""Mappings that cannot change, and JSON values made of them.

Lives here: ``FrozenMapping``, ``JsonMapping``, and the canonical text of a JSON value. Imports
nothing of this package.

Why not a library's frozen mapping: Python holds ``True == 1``, so that with any of them two
snapshots with different JSON would be equal, and the digest of a snapshot could not follow its
equality. ``JsonMapping`` compares as JSON does: numbers by value, and a number never equals a
boolean.
"""

from __future__ import annotations

import json
import math
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Final, NoReturn, Self, TypeAlias, TypeVar

__all__ = ["FrozenMapping", "Json", "JsonMapping", "canonical_json", "freeze", "thaw"]

K = TypeVar("K")
V_co = TypeVar("V_co", covariant=True)

Json: TypeAlias = "bool | int | float | str | tuple[Json, ...] | JsonMapping | None"
"""A JSON value that cannot change: arrays are tuples, objects are ``JsonMapping``."""

MAX_DEPTH: Final = 100
"""How deep JSON values may be nested in a record."""

MAX_BITS: Final = 14_000
"""How long a whole number may be: Python writes none of more than 4,300 digits."""


class FrozenMapping(Mapping[K, V_co]):
    """A mapping that cannot change: hashable, picklable, and its own copy.

    It holds a private dict. Reading copies nothing. The order of the items is kept, but, as with a
    dict, is not part of equality.

    Args:
        items: The items, copied once.
    """

    __slots__ = ("_hash", "_items")

    _items: dict[K, V_co]
    _hash: int | None

    def __init__(self, items: Mapping[K, V_co] | Iterable[tuple[K, V_co]] = ()) -> None:
        if hasattr(self, "_items"):
            raise AttributeError(f"a {type(self).__name__} cannot be changed")
        object.__setattr__(self, "_items", self._checked(dict(items)))
        object.__setattr__(self, "_hash", None)

    @staticmethod
    def _checked(items: dict[Any, Any]) -> dict[Any, Any]:
        """The items as they are kept; a subclass refuses here what it does not allow."""
        return items

    @classmethod
    def _adopt(cls, items: dict[Any, Any]) -> Self:
        """Wrap a dict that nobody else holds and that is known to be right, without a copy."""
        self = cls.__new__(cls)
        object.__setattr__(self, "_items", items)
        object.__setattr__(self, "_hash", None)
        return self

    def __getitem__(self, key: K) -> V_co:
        return self._items[key]

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def keys(self) -> KeysView[K]:
        """The keys, in order."""
        return self._items.keys()

    def values(self) -> ValuesView[V_co]:
        """The values, in order."""
        return self._items.values()

    def items(self) -> ItemsView[K, V_co]:
        """Keys and values, in order."""
        return self._items.items()

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, FrozenMapping):
            return type(self) is type(other) and self._items == other._items
        if isinstance(other, Mapping):
            return self._items == dict(other)
        return NotImplemented

    def __hash__(self) -> int:
        value = self._hash
        if value is None:
            value = self._compute_hash()
            object.__setattr__(self, "_hash", value)
        return value

    def _compute_hash(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._items!r})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._items,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self


class JsonMapping(FrozenMapping[str, Json]):
    """A JSON object that cannot change, all the way down.

    Arrays inside are tuples, objects are ``JsonMapping``. It equals every mapping that is the same
    JSON object: ``JsonMapping({"a": [1, 2]}) == {"a": [1.0, 2]}``, but not ``{"a": [True, 2]}``.

    Args:
        items: What to freeze: texts as keys; None, booleans, finite numbers, texts, sequences and
            mappings of such as values, nested at most 100 deep.

    Raises:
        TypeError: For a value that JSON does not have.
        ValueError: For NaN, an infinity, a lone surrogate, or nesting that is too deep.
    """

    __slots__ = ("_canonical",)

    _canonical: str | None

    def __init__(self, items: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__(items)
        object.__setattr__(self, "_canonical", None)

    @staticmethod
    def _checked(items: dict[Any, Any]) -> dict[Any, Any]:
        return _freeze_object(items, "$", 1)

    @classmethod
    def _adopt(cls, items: dict[Any, Any]) -> Self:
        self = super()._adopt(items)
        object.__setattr__(self, "_canonical", None)
        return self

    def to_dict(self) -> dict[str, Any]:
        """The object as plain dicts and lists, which are the caller's own."""
        return {key: thaw(value) for key, value in self._items.items()}

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, JsonMapping):
            if not isinstance(other, Mapping):
                return NotImplemented
            if isinstance(other, FrozenMapping):
                return False
            try:
                other = JsonMapping(other)
            except (TypeError, ValueError):
                return False
        return self._canonical_text() == other._canonical_text()

    __hash__ = FrozenMapping.__hash__

    def _compute_hash(self) -> int:
        return hash(self._canonical_text())

    def _canonical_text(self) -> str:
        text = self._canonical
        if text is None:
            text = canonical_json(self)
            object.__setattr__(self, "_canonical", text)
        return text


def freeze(value: Any) -> Json:
    """A JSON value that cannot change, from one that may.

    >>> freeze([1, {"a": [None]}])
    (1, JsonMapping({'a': (None,)}))

    Args:
        value: As ``JsonMapping`` takes it.

    Returns:
        The same value, of tuples and ``JsonMapping``.

    Raises:
        TypeError: For a value that JSON does not have.
        ValueError: For NaN, an infinity, a lone surrogate, or nesting that is too deep.
    """
    frozen: Json = _freeze(value, "$", 0)
    return frozen


def _freeze(value: Any, path: str, depth: int) -> Any:
    kind = type(value)
    if value is None or kind is bool:
        return value
    if isinstance(value, str):
        return _freeze_text(str.__str__(value), path)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{path} is {value}, which JSON does not have")
        return float(value)
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise ValueError(f"{path} is a number of more than 4,000 digits")
        return int(value)
    if depth >= MAX_DEPTH:
        raise ValueError(f"is nested more than {MAX_DEPTH} deep")
    if isinstance(value, Mapping):
        return JsonMapping._adopt(_freeze_object(value, path, depth + 1))  # noqa: SLF001
    if isinstance(value, list | tuple):
        return tuple(_freeze(v, f"{path}[{i}]", depth + 1) for i, v in enumerate(value))
    raise TypeError(f"{path} is a {kind.__name__}, which JSON does not have")


def _freeze_object(items: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
    frozen: dict[str, Any] = {}
    for key, value in items.items():
        if not isinstance(key, str):
            raise TypeError(f"{path} has the key {key!r}, which is no text")
        text = _freeze_text(str.__str__(key), path)
        frozen[text] = _freeze(value, f"{path}.{text}", depth)
    return frozen


def _freeze_text(text: str, path: str) -> str:
    if not is_unicode(text):
        raise ValueError(f"{path} has a lone surrogate, which UTF-8 does not have")
    return text


def is_unicode(text: str) -> bool:
    """Whether UTF-8, and so JSON, can hold a text: it has no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def thaw(value: Json) -> Any:
    """A JSON value of plain dicts and lists, from a frozen one."""
    if isinstance(value, JsonMapping):
        return value.to_dict()
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    return value


def canonical_json(value: Any) -> str:
    """The one text of a JSON value: the same on every machine, Python version and hash seed.

    Keys are sorted by code point, nothing but ASCII is written, there is no white space, and equal
    numbers have one spelling (``1`` for ``1.0``). Equal texts are equal JSON values.

    >>> canonical_json({"b": 1.0, "a": [True, None]})
    '{"a":[true,null],"b":1}'

    Args:
        value: A JSON value, frozen or plain, without NaN or an infinity.
    """
    if isinstance(value, Mapping):
        members = (f"{json.dumps(k)}:{canonical_json(value[k])}" for k in sorted(value))
        return "{" + ",".join(members) + "}"
    if isinstance(value, tuple | list):
        return "[" + ",".join(map(canonical_json, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)
