"""What the encoder makes of builtins and objects, and within which budgets, as proto/values.hpp and
PROTOCOL.md say. Each test states one rule.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import gc
import math
import os
import sys
import types
import uuid
import weakref
import zoneinfo

import pytest
from encoding import (
    LIMITS,
    Mixed,
    Omitted,
    Plain,
    Slotted,
    decode,
    encode_value,
    encoded,
    filled,
    same,
    subclass_of,
)

pytestmark = pytest.mark.usefixtures("each_encoder")


# --- Builtins -------------------------------------------------------------------------------------

INTS = [0, 1, -1, 127, 128, 255, 256, -32, -33, -128, -129, 65535, 65536, -32768, -32769]
INTS += [2**31, 2**32 - 1, 2**32, -(2**31), -(2**31) - 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1]
TEXTS = ["", "a", "a" * 31, "a" * 32, "a" * 255, "a" * 256, "a" * 512, "é" * 16, "€" * 512, "😀" * 512, "\0"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        *INTS,
        1.5,
        -0.0,
        math.inf,
        -math.inf,
        *TEXTS,
        b"",
        b"x" * 300,
        [],
        [1, [2]],
        {},
        {1: {}},
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_what_msgpack_has_stands_as_itself(value):
    assert same(encoded(value), value)


def test_nan_stays_nan():
    assert math.isnan(encoded(math.nan))


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**2000, -(10**2000), 2**127, -(2**127)])
def test_ints_over_64_bits_are_twos_complement_bytes(value):
    tag, digits = encoded(value)
    assert tag == "int"
    assert int.from_bytes(digits, "big", signed=True) == value


def test_an_int_larger_than_the_value_budget_is_a_marker():
    assert encoded(1 << 40_000) == Omitted("bytes")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ((), ("tuple",)),
        ((1, "a"), ("tuple", 1, "a")),
        (set(), ("set",)),
        ({5}, ("set", 5)),
        (frozenset({5}), ("frozenset", 5)),
        (1 + 2j, ("complex", 1.0, 2.0)),
        (bytearray(b"ab"), ("bytearray", b"ab")),
        (bytearray(), ("bytearray", b"")),
        ("a\ud800b", ("surrogates", b"a\xed\xa0\x80b")),
    ],
    ids=repr,
)
def test_other_builtins_are_tagged(value, wanted):
    assert same(encoded(value), wanted)


def test_dict_keys_may_be_of_any_kind():
    assert encoded({(1, 2): "a", None: "b", 2.5: "c"}) == {("tuple", 1, 2): "a", None: "b", 2.5: "c"}


def test_a_set_that_lost_items_shows_those_it_has():
    numbers = set(range(30))
    numbers -= set(range(28))
    assert encoded(numbers) == ("set", 28, 29)


# --- Classes, functions, modules ------------------------------------------------------------------


class Outer:
    class Inner:
        def method(self):
            pass

    @classmethod
    def of_class(cls):
        pass


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (int, ("type", "int")),
        (Outer.Inner, ("type", f"{__name__}.Outer.Inner")),
        (datetime.date, ("type", "datetime.date")),
        (encoded, ("function", "encoding.encoded")),
        (Outer.Inner().method, ("function", f"{__name__}.Outer.Inner.method")),
        (Outer.of_class, ("function", f"{__name__}.Outer.of_class")),
        (len, ("function", "len")),
        (math.sin, ("function", "math.sin")),
        ([].append, ("function", "list.append")),
        (str.join, ("function", "str.join")),
        (os, ("module", "os")),
        (types.ModuleType("empty"), ("module", "empty")),
    ],
    ids=repr,
)
def test_what_has_a_name_is_its_name(value, wanted):
    assert encoded(value) == wanted


# --- Subclasses and objects -----------------------------------------------------------------------

Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (subclass_of(int, 2**70), ("subclass", "m.Sub", ("int", (2**70).to_bytes(9, "big")))),
        (subclass_of(str, "x"), ("subclass", "m.Sub", "x")),
        (subclass_of(bytes, b"x"), ("subclass", "m.Sub", b"x")),
        (subclass_of(bytearray, b"x"), ("subclass", "m.Sub", ("bytearray", b"x"))),
        (subclass_of(float, 1.5), ("subclass", "m.Sub", 1.5)),
        (subclass_of(complex, 1j), ("subclass", "m.Sub", ("complex", 0.0, 1.0))),
        (subclass_of(list, [1]), ("subclass", "m.Sub", [1])),
        (subclass_of(tuple, (1,)), ("subclass", "m.Sub", ("tuple", 1))),
        (subclass_of(dict, {1: 2}), ("subclass", "m.Sub", {1: 2})),
        (subclass_of(set, {1}), ("subclass", "m.Sub", ("set", 1))),
        (subclass_of(frozenset, {1}), ("subclass", "m.Sub", ("frozenset", 1))),
        (subclass_of(datetime.date, 1, 2, 3), ("subclass", "m.Sub", ("date", 1, 2, 3))),
        (subclass_of(decimal.Decimal, "1.5"), ("subclass", "m.Sub", ("Decimal", "1.5"))),
        (collections.OrderedDict(a=1), ("subclass", "collections.OrderedDict", {"a": 1})),
        (collections.defaultdict(int, a=1), ("subclass", "collections.defaultdict", {"a": 1})),
        (Point(1, 2), ("subclass", f"{__name__}.Point", ("tuple", 1, 2))),
        (collections.deque([1, 2], maxlen=2), ("subclass", "collections.deque", [1, 2])),
        (subclass_of(collections.deque, "ab"), ("subclass", "m.Sub", ["a", "b"])),
        (types.MappingProxyType({"a": 1}), ("subclass", "mappingproxy", {"a": 1})),
    ],
    ids=lambda value: type(value).__mro__[-2].__name__,
)
def test_an_instance_of_a_subclass_is_its_type_and_the_base_content(value, wanted):
    assert encoded(value) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (Plain(), {}),
        (filled(Plain(), b=1, a=[2]), {"b": 1, "a": [2]}),
        (filled(Slotted(), second=2, first=1), {"first": 1, "second": 2}),
        (filled(Mixed(), first=1, third=3, other=4), {"first": 1, "third": 3, "other": 4}),
        (types.SimpleNamespace(a=1), {"a": 1}),
    ],
    ids=["nothing", "dict", "slots", "both", "in C"],
)
def test_an_object_is_its_type_and_its_own_attributes(value, wanted):
    tag, name, attributes = encoded(value)
    assert tag == "object"
    assert name.endswith(type(value).__name__)
    assert attributes == wanted


@pytest.mark.parametrize(
    "value",
    [object(), (i for i in ()), ..., memoryview(b"x"), sys._getframe(), weakref.ref(pytest)],
    ids=repr,
)
def test_an_object_whose_attributes_cannot_be_read_is_its_type(value):
    assert encoded(value)[0] == "object"
    assert len(encoded(value)) == 2
    assert encoded(value)[1].endswith(type(value).__name__)


def test_a_time_zone_by_itself_is_its_key():
    zones = sorted(zoneinfo.available_timezones())[:1]  # none where the system has no such data
    for key in zones:
        assert encoded(zoneinfo.ZoneInfo(key)) == ("object", "zoneinfo.ZoneInfo", {"key": key})


def test_a_class_that_has_changed_is_told_as_it_is_now():
    class Base:
        pass

    class Changing(Base):
        __module__ = "m"

    thing = filled(Changing(), a=1)
    assert thing.a == 1  # the interpreter has looked at the class, so that it can be remembered
    for _ in range(2):
        assert encoded(thing) == ("object", f"m.{Changing.__qualname__}", {"a": 1})
    Changing.__qualname__ = "Other"
    assert encoded(thing)[1] == "m.Other"
    Changing.__module__ = "n"
    assert encoded(thing)[1] == "n.Other"
    thing.__class__ = filled(type("Slots", (Base,), {"__module__": "m"}), b=2)
    assert encoded(thing) == ("object", "m.Slots", {"a": 1})


def test_classes_that_come_and_go_at_one_address_are_told_apart():
    seen = set()
    for number in range(3000):
        bases, content = [((), {"a": 1}), ((dict,), {}), ((Slotted,), {"first": 1, "a": 1})][number % 3]
        made = type(f"C{number}", bases, {"__module__": "m"})
        thing = made()
        for name, value in content.items():
            setattr(thing, name, value)
            assert getattr(thing, name) == value
        seen.add(id(made))
        told = encoded(thing)
        assert told[1] == f"m.C{number}"
        assert told[2] == content
        del made, thing
        if number % 100 == 0:
            gc.collect()
    assert len(seen) < 3000


def test_attributes_keep_the_order_in_which_they_were_set():
    filled(Plain(), one=1, two=2)  # the class's shared keys have this order
    thing = filled(Plain(), two=2, one=1)
    assert list(encoded(thing)[2]) == ["two", "one"]
    del thing.two
    thing.two = 3
    assert list(encoded(thing)[2].items()) == [("one", 1), ("two", 3)]


def test_reading_attributes_does_not_make_a_dict(each_encoder):
    if each_encoder == "pure":
        pytest.skip("Python code cannot read them without: docs/capture.md, the probe in Python")
    thing = filled(Plain(), a=1)
    before = sys.getsizeof(thing), gc.get_referents(thing)
    encoded(thing)
    assert (sys.getsizeof(thing), gc.get_referents(thing)) == before


def test_exceptions_are_their_type_and_arguments():
    assert encoded(ValueError("x", 1)) == ("exception", "ValueError", ["x", 1])
    assert encoded(KeyError()) == ("exception", "KeyError", [])


# --- Budgets --------------------------------------------------------------------------------------


def test_items_over_the_limit_are_counted():
    numbers = list(range(100))
    rest = Omitted("items", 68)
    assert encoded(numbers) == [*range(32), rest]
    assert encoded(tuple(numbers)) == ("tuple", *range(32), rest)
    assert encoded(set(numbers))[-1] == rest
    assert list(encoded(dict.fromkeys(numbers)).items())[-1] == (rest, None)


def test_attributes_over_the_limit_are_counted():
    thing = filled(Plain(), **{f"a{i}": i for i in range(30)})
    assert list(encoded(thing)[2].items())[-1] == (Omitted("attributes", 6), None)
    assert encoded(thing, max_attributes=0)[2] == {Omitted("attributes", 30): None}


def test_what_is_nested_too_deep_is_a_marker():
    assert encoded([[[[1]]]]) == [[[Omitted("depth")]]]
    assert encoded([[[{}]]]) == [[[{}]]]
    assert encoded([[[filled(Plain(), a=1)]]])[0][0][0][2] == {Omitted("depth", 1): None}
    assert encoded([1], max_depth=0) == Omitted("depth")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("a" * 600, ("text", "a" * 512, 600)),
        ("€" * 600, ("text", "€" * 512, 600)),
        ("\ud800" * 600, ("text", "\ufffd" * 512, 600)),
        (b"a" * 600, ("bytes", b"a" * 512, 600)),
        (bytearray(600), ("bytes", bytes(512), 600)),
    ],
    ids=["ascii", "wide", "surrogates", "bytes", "bytearray"],
)
def test_long_text_is_cut_and_says_how_long_it_was(value, wanted):
    assert encoded(value) == wanted


def test_what_contains_itself_is_a_marker():
    numbers = [1]
    numbers.append(numbers)
    assert encoded(numbers) == [1, Omitted("cycle")]
    names = {}
    names["again"] = [names]
    assert encoded(names) == {"again": [Omitted("cycle")]}
    thing = Plain()
    thing.me = thing
    assert encoded(thing)[2] == {"me": Omitted("cycle")}
    error = ValueError()
    error.args = (error,)
    assert encoded(error) == ("exception", "ValueError", [("exception", "ValueError", Omitted("cycle"))])


def test_the_same_value_twice_is_no_cycle():
    shared = [1]
    assert encoded([shared, shared]) == [[1], [1]]


def test_a_value_that_takes_too_long_ends_in_a_marker():
    value = [[["x"] * 30 for _ in range(30)] for _ in range(30)]
    text = repr(encoded(value, max_event_us=0, max_value_bytes=16000))
    assert "Omitted(reason='time'" in text


SAMPLES = [
    list(range(300)),
    {f"k{i}": "v" * i for i in range(30)},
    "x" * 1000,
    b"x" * 1000,
    "é" * 500,
    "\ud800" * 100,
    filled(Plain(), **{f"a{i}": "x" * i for i in range(30)}),
    [[[1, 2, 3], "abc" * 10], {"a": (1, 2)}],
    2**5000,
    ValueError("x" * 100),
    Point("x" * 50, 2),
    decimal.Decimal("1.5"),
    uuid.UUID(int=1),
    datetime.datetime(2024, 1, 1),
    "http://u:p@h " * 20,
    collections.OrderedDict(a="x" * 90),
]


@pytest.mark.parametrize("budget", [*range(80), 100, 200, 500])
def test_a_value_stays_within_its_bytes_and_decodes_whole(budget):
    for sample in SAMPLES:
        data = encode_value(sample, "", {**LIMITS, "max_value_bytes": budget})
        assert len(data) <= max(budget, 3)  # a marker takes 3
        decode(data)


@pytest.mark.parametrize("budget", range(0, 600, 7))
def test_an_event_stays_within_its_bytes(budget):
    for sample in SAMPLES:
        data = encode_value(sample, "", {**LIMITS, "max_event_bytes": budget})
        assert len(data) <= budget + 64
        decode(data)
