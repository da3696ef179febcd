"""Frozen mappings and JSON values."""

from __future__ import annotations

import copy
import json
import pickle
from types import MappingProxyType

import pytest

from superstaq_jobs.records import CircuitStatus, FrozenMapping, JobType, JsonMapping
from superstaq_jobs.records.frozen import MAX_DEPTH, canonical_json, freeze, to_plain
from superstaq_jobs.records.status import PROGRESS


class Text(str):
    __slots__ = ()


class Number(float):
    __slots__ = ()


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def test_a_frozen_mapping_reads_like_a_dict():
    mapping = FrozenMapping({"a": 1, "b": 2})
    assert dict(mapping) == {"a": 1, "b": 2}
    assert list(mapping.keys()) == ["a", "b"]
    assert list(mapping.values()) == [1, 2]
    assert list(mapping.items()) == [("a", 1), ("b", 2)]
    assert "a" in mapping
    assert "c" not in mapping
    assert mapping.get("c", 7) == 7
    assert repr(mapping) == "FrozenMapping({'a': 1, 'b': 2})"


def test_order_is_kept_and_not_part_of_equality():
    one, other = FrozenMapping([("a", 1), ("b", 2)]), FrozenMapping([("b", 2), ("a", 1)])
    assert list(one) != list(other)
    assert one == other
    assert hash(one) == hash(other) == hash(one)


def test_equality_across_kinds_of_mappings():
    mapping = FrozenMapping({"a": 1})
    assert mapping == {"a": 1}
    assert mapping == MappingProxyType({"a": 1})
    assert mapping == mapping  # noqa: PLR0124
    assert mapping != {"a": 2}
    assert mapping != [("a", 1)]
    assert mapping != JsonMapping({"a": 1})
    assert JsonMapping({"a": 1}) != mapping
    assert JsonMapping({"a": 1}) != 3
    assert JsonMapping({"a": 1}) != {"a": {1, 2}}
    assert JsonMapping({"a": 1}) != {1: "a"}
    assert JsonMapping({"a": 1}) == MappingProxyType({"a": 1.0})


def test_it_cannot_be_changed_and_says_so():
    mapping = JsonMapping({"a": 1})
    with pytest.raises(AttributeError, match="a JsonMapping cannot be changed"):
        mapping._items = {}
    with pytest.raises(AttributeError, match="a JsonMapping cannot be changed"):
        del mapping._items
    with pytest.raises(AttributeError, match="a JsonMapping cannot be changed"):
        mapping.__init__({"a": 2})
    assert mapping == {"a": 1}


def test_copies_are_itself_and_pickles_are_equal():
    mapping = JsonMapping({"a": [1, {"b": None}]})
    assert copy.copy(mapping) is mapping
    assert copy.deepcopy(mapping) is mapping
    assert pickle.loads(pickle.dumps(mapping)) == mapping


def test_freezing_goes_all_the_way_down():
    frozen = freeze({"a": [1, (2.5, {"b": []})], "c": None})
    assert frozen == JsonMapping({"a": (1, (2.5, JsonMapping({"b": ()}))), "c": None})
    assert isinstance(frozen["a"], tuple)
    assert isinstance(frozen["a"][1][1], JsonMapping)
    assert to_plain(frozen) == {"a": [1, [2.5, {"b": []}]], "c": None}
    assert to_plain((1, "x")) == [1, "x"]


def test_subclasses_of_plain_values_become_plain():
    frozen = freeze([JobType.SUBMIT, Number(2.5), Text("x"), {Text("k"): PROGRESS}])
    assert [type(value) for value in frozen[:3]] == [str, float, str]
    (key,) = frozen[3]
    assert type(key) is str
    assert frozen[3]["k"][CircuitStatus.RUNNING] == PROGRESS[CircuitStatus.RUNNING]


def test_subclasses_of_int_become_plain():
    import enum

    class Level(enum.IntEnum):
        HIGH = 3

    (value,) = freeze([Level.HIGH])
    assert value == 3
    assert type(value) is int


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ({"a": [1, {2}]}, TypeError, r"\$\.a\[1\] is a set"),
        ({"a": b"x"}, TypeError, r"\$\.a is a bytes"),
        ({"a": {3: 1}}, TypeError, r"\$\.a has the key 3"),
        ({"a": [float("nan")]}, ValueError, r"\$\.a\[0\] is nan"),
        ({"a": float("-inf")}, ValueError, r"\$\.a is -inf"),
        ({"a": "\ud800"}, ValueError, r"\$\.a has a lone surrogate"),
        ({"\udfff": 1}, ValueError, "lone surrogate"),
        ({"a": nested(MAX_DEPTH)}, ValueError, "nested at most 100 deep"),
        ({"a": 10**5000}, ValueError, r"\$\.a must have at most 4,000 digits"),
        ({"a": [-(10**5000)]}, ValueError, "at most 4,000 digits"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_its_path(value, error, words):
    with pytest.raises(error, match=words):
        JsonMapping(value)


def test_a_value_of_its_own_is_bounded_too():
    with pytest.raises(ValueError, match="deep"):
        freeze(nested(MAX_DEPTH + 1))


def test_values_at_the_bounds_are_kept():
    deep = JsonMapping({"a": nested(MAX_DEPTH - 1)})
    assert json.loads(canonical_json(deep)) == deep.to_dict()
    long = JsonMapping({"a": 10**4000})
    assert json.loads(canonical_json(long)) == long.to_dict()
    assert JsonMapping({"a": "\U0001f600"})["a"] == "\U0001f600"


def test_items_may_be_pairs():
    assert JsonMapping([("a", [1])]) == {"a": [1]}
    assert JsonMapping() == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (-0.0, "0"),
        (1e22, "10000000000000000000000"),
        (0.1, "0.1"),
        ("é\u2028", '"\\u00e9\\u2028"'),
        ([1, [], {}], "[1,[],{}]"),
        ({"b": 1, "a": 2, "B": 3}, '{"B":3,"a":2,"b":1}'),
    ],
)
def test_canonical_json(value, text):
    assert canonical_json(value) == text
