"""Mappings that cannot change, and JSON values made of them.

No library's frozen mapping is used for JSON: Python holds ``True == 1``, so with any of them two
snapshots with different JSON would be equal, and a snapshot's digest could not follow its equality.
``JsonMapping`` compares as JSON does: numbers by value, and a number never equals a boolean.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeAlias, TypeVar

from .budget import paced
from .problems import InvalidValue, shown

__all__ = [
    "FrozenMapping",
    "Json",
    "JsonMapping",
    "adopt",
    "canonical_data",
    "canonical_json",
    "freeze",
    "freeze_object",
    "to_plain",
]

K = TypeVar("K")
V_co = TypeVar("V_co", covariant=True)
M = TypeVar("M", bound="FrozenMapping[Any, Any]")

Json: TypeAlias = "bool | int | float | str | tuple[Json, ...] | JsonMapping | None"
"""A JSON value that cannot change: arrays are tuples, objects are ``JsonMapping``."""

MAX_DEPTH: Final = 100
"""How deeply JSON values may be nested in a record."""

MAX_BITS: Final = 14_000
"""The bits of the largest integer in a record: Python prints at most 4,300 digits."""

_SMALL: Final = 2**62
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


class FrozenMapping(Mapping[K, V_co]):
    """A mapping that cannot change: hashable and picklable; copying it returns the mapping itself.

    Reading copies nothing. The order of the items is kept; as with a dict, it is not part of
    equality.

    Args:
        items: The items, which are copied once.
    """

    __slots__ = ("_hash", "_items")

    _items: dict[K, V_co]
    _hash: int  # set when first asked for

    def __init__(self, items: Mapping[K, V_co] | Iterable[tuple[K, V_co]] = ()) -> None:
        if hasattr(self, "_items"):
            raise _unchangeable(self)
        try:
            copied = dict(items)
        except (TypeError, ValueError):
            what = "must be a mapping, or a list of pairs of a key and a value"
            raise TypeError(f"items {what}, got {shown(items)}. Nothing was made") from None
        object.__setattr__(self, "_items", self._checked(copied))

    @staticmethod
    def _checked(items: dict[Any, Any]) -> dict[Any, Any]:
        """The items as they are stored. A subclass raises here for items it does not allow."""
        return items

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
        try:
            return self._hash
        except AttributeError:
            object.__setattr__(self, "_hash", hash(frozenset(self._items.items())))
            return self._hash

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._items!r})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise _unchangeable(self, name)

    def __delattr__(self, name: str) -> NoReturn:
        raise _unchangeable(self, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._items,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self


def _unchangeable(mapping: FrozenMapping[Any, Any], name: str = "items") -> AttributeError:
    kind = type(mapping).__name__
    return AttributeError(
        f"a {kind} cannot be changed ({name.strip('_')}). Nothing was changed. Make a changed "
        f"copy: {kind}({{**mapping, key: value}})"
    )


_set_items: Final = vars(FrozenMapping)["_items"].__set__


class JsonMapping(FrozenMapping[str, Json]):
    """A JSON object that cannot change, all the way down.

    Arrays inside are tuples, objects are ``JsonMapping``. It equals every mapping that is the same
    JSON object: ``JsonMapping({"a": [1, 2]}) == {"a": [1.0, 2]}``, but not ``{"a": [True, 2]}``.

    Args:
        items: What to freeze. Keys are strings; values are None, booleans, finite numbers,
            strings, or lists, tuples and mappings of these, nested at most 100 deep.

    Raises:
        TypeError: If a value has no JSON equivalent.
        ValueError: For NaN, an infinity, a lone surrogate, or nesting that is too deep.
    """

    __slots__ = ("_canonical",)

    _canonical: str  # set when first asked for

    if TYPE_CHECKING:

        def __init__(self, items: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None: ...

    @staticmethod
    def _checked(items: dict[Any, Any]) -> dict[Any, Any]:
        return _frozen_items(items, "$", 1)

    def to_dict(self) -> dict[str, Any]:
        """The object as new, plain dicts and lists."""
        return {key: to_plain(value) for key, value in self._items.items()}

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Mapping):
            return NotImplemented
        if not isinstance(other, FrozenMapping):
            try:
                other = JsonMapping(other)
            except (TypeError, ValueError):
                return False
        if not isinstance(other, JsonMapping):
            return False
        if not self._items or not other._items:  # as usual
            return not self._items and not other._items
        return self._canonical_json() == other._canonical_json()

    def __hash__(self) -> int:
        return hash(self._canonical_json())

    def _canonical_json(self) -> str:
        try:
            return self._canonical
        except AttributeError:
            object.__setattr__(self, "_canonical", canonical_json(self))
            return self._canonical


def adopt(kind: type[M], items: dict[Any, Any]) -> M:
    """A frozen mapping of items that have been checked, without copying the dict.

    Nothing else may refer to the dict.
    """
    made = object.__new__(kind)
    _set_items(made, items)
    return made


def freeze(value: Any, path: str = "$", depth: int = 0) -> Any:
    """A JSON value made of tuples and ``JsonMapping``; ``path`` and ``depth`` are where it is.

    >>> freeze([1, {"a": [None]}])
    (1, JsonMapping({'a': (None,)}))

    It raises what ``JsonMapping`` raises.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _freeze_string(str.__str__(value), path)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidValue(f"{path} is {value}, which has no JSON equivalent")
        return float(value)
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise InvalidValue(f"{path} must have at most 4,000 digits")
        return int(value)
    if depth >= MAX_DEPTH:
        raise InvalidValue(f"must be nested at most {MAX_DEPTH} deep")
    if isinstance(value, dict | Mapping):  # a dict first, since it is found faster
        return freeze_object(value, path, depth + 1)
    if isinstance(value, list | tuple):
        return tuple(freeze(v, f"{path}[{i}]", depth + 1) for i, v in enumerate(paced(value)))
    raise TypeError(f"{path} is a {type(value).__name__}, which has no JSON equivalent")


def freeze_object(items: Mapping[str, Any], path: str = "$", depth: int = 1) -> JsonMapping:
    """``JsonMapping(items)`` for a mapping; ``path`` and ``depth`` are where it is in a value."""
    return adopt(JsonMapping, _frozen_items(items, path, depth))


def _frozen_items(items: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
    frozen: dict[str, Any] = {}
    for key, value in paced(items.items()):
        if not isinstance(key, str):
            raise TypeError(f"{path} has the key {shown(key)}: keys must be strings")
        is_plain = type(key) is str and key.isascii()
        name = key if is_plain else _freeze_string(str.__str__(key), path)
        kind = type(value)
        if kind is bool or (kind is int and -_SMALL < value < _SMALL):
            frozen[name] = value  # at once, since most metadata is such
        else:
            frozen[name] = freeze(value, f"{path}.{name}", depth)
    return frozen


def _freeze_string(text: str, path: str) -> str:
    if not is_unicode(text):
        raise InvalidValue(f"{path} has a lone surrogate, which UTF-8 cannot encode")
    return text


def is_unicode(text: str) -> bool:
    """Whether UTF-8, and so JSON, can encode a string: it has no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def to_plain(value: Any) -> Any:
    """A field of a record, or a part of one, as plain JSON data: new dicts and lists."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, JsonMapping):
        return value.to_dict()
    if isinstance(value, FrozenMapping):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, dt.datetime):
        text = value.isoformat()
        return f"{text[:-6]}Z" if text.endswith("+00:00") else text
    return str(value) if isinstance(value, str) else value  # an enum's value


def canonical_json(value: Any) -> str:
    """The canonical JSON of a value, frozen or plain: the same on every machine and Python version.

    Keys are sorted by code point, only ASCII is written, without white space, and equal numbers
    are written alike (``1`` for ``1.0``). Equal strings mean equal JSON values.

    >>> canonical_json({"b": 1.0, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return json.dumps(canonical_data(value), sort_keys=True, separators=(",", ":"))


_AS_THEY_ARE: Final = frozenset({str, int, bool, type(None)})


def canonical_data(value: Any, fraction: Callable[[float], Any] = float) -> Any:
    """A JSON value as plain data, with ints for whole floats, and ``fraction(f)`` for others."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else fraction(value)
    if isinstance(value, Mapping):
        plain = value if type(value) is dict else dict(value.items())
        if _AS_THEY_ARE.issuperset(map(type, plain.values())):  # as in most counts
            return plain
        return {key: canonical_data(item, fraction) for key, item in plain.items()}
    if isinstance(value, tuple | list):
        if _AS_THEY_ARE.issuperset(map(type, value)):
            return value
        return [canonical_data(item, fraction) for item in value]
    return value
