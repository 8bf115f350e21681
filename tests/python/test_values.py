"""What the encoder makes of every kind of value, as proto/values.hpp and PROTOCOL.md say.

Each test states one rule. `encoded` gives what a reader would see: plain values as themselves, a tagged array
as a tuple that begins with a Tag, an omission as an Omitted.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import gc
import math
import os
import pathlib
import random
import re
import sys
import types
import uuid
import warnings
import weakref
import zoneinfo

import msgpack
import pytest

from kolo_probe._probe import encode_value

LIMITS = {
    "max_depth": 3,
    "max_items": 32,
    "max_attributes": 24,
    "max_text": 512,
    "max_value_bytes": 4096,
    "max_event_bytes": 16384,
    "max_event_us": 1_000_000,
}
TAGS = (
    *(
        "",
        "tuple",
        "set",
        "frozenset",
        "object",
        "int",
        "complex",
        "bytearray",
        "text",
        "bytes",
        "surrogates",
    ),
    *("type", "function", "module", "datetime", "date", "time", "timedelta", "Decimal", "UUID", "subclass"),
    *("exception", "enum", "path", "repr"),
)
REASONS = (
    *("", "items", "attributes", "depth", "bytes", "time", "redacted", "cycle", "unbound", "changed"),
    *("unreadable", "ring_full", "unchanged", "repr_failed", "repr_slow"),
)


class Tag(str):
    __slots__ = ()


@dataclasses.dataclass(frozen=True)
class Omitted:
    reason: str
    count: int | None = None


class Pairs(list):
    """A map as it was written: keys need not be hashable."""


def _extension(code, data):
    if code == 1:
        assert len(data) == 1
        return Tag(TAGS[data[0]])
    assert code == 2
    assert len(data) in (1, 8)
    return Omitted(REASONS[data[0]], int.from_bytes(data[1:], "little") if len(data) == 8 else None)


def _plain(value):
    if isinstance(value, Pairs):
        return {_plain(key): _plain(item) for key, item in value}
    if isinstance(value, list):
        items = [_plain(item) for item in value]
        return tuple(items) if items and isinstance(items[0], Tag) else items
    return value


def decode(data):
    """One whole value; fails where bytes are missing or left over."""
    return _plain(msgpack.unpackb(data, ext_hook=_extension, strict_map_key=False, object_pairs_hook=Pairs))


def encoded(value, **limits):
    return decode(encode_value(value, "", {**LIMITS, **limits}))


def same(got, wanted):
    """Equal and of the same types: 1, 1.0 and True are three values."""
    return repr(got) == repr(wanted)


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
        (encoded, ("function", f"{__name__}.encoded")),
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


# --- The standard library -------------------------------------------------------------------------


class Zone(datetime.tzinfo):
    def utcoffset(self, when):
        raise AssertionError("the tracer asked a time zone")

    tzname = dst = utcoffset


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (datetime.datetime(2024, 2, 3, 4, 5, 6, 7, fold=1), ("datetime", 2024, 2, 3, 4, 5, 6, 7, 1, None)),
        (
            datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc),
            ("datetime", 1, 1, 1, 0, 0, 0, 0, 0, "datetime.timezone"),
        ),
        (datetime.datetime(1, 1, 1, tzinfo=Zone()), ("datetime", 1, 1, 1, 0, 0, 0, 0, 0, f"{__name__}.Zone")),
        (datetime.date(9999, 12, 31), ("date", 9999, 12, 31)),
        (datetime.time(1, 2, 3, 4), ("time", 1, 2, 3, 4, 0, None)),
        (datetime.time(1, tzinfo=Zone()), ("time", 1, 0, 0, 0, 0, f"{__name__}.Zone")),
        (datetime.timedelta(-1, 5, 6), ("timedelta", -1, 5, 6)),
    ],
    ids=repr,
)
def test_times_are_their_fields(value, wanted):
    assert encoded(value) == wanted


DECIMALS = (
    *("0", "-0", "1.50", "1E+10", "1E-10", "0.000001", "0.0000001", "0E-20", "0E+3", "-0.00", "NaN"),
    *("sNaN", "NaN123", "-sNaN5", "Infinity", "-Infinity", "1E+999999", "5e-400", "123e5"),
    *("9999999999999999999", "99999999999999999999", "10000000000000000000"),
    "123456789012345678901234567890.12345",
)


@pytest.mark.parametrize("text", DECIMALS)
def test_a_decimal_is_what_str_says(text):
    value = decimal.Decimal(text)
    assert encoded(value) == ("Decimal", str(value))


def test_decimals_of_any_size_are_what_str_says():
    numbers = random.Random(1)
    for _ in range(2000):
        digits = numbers.randrange(10 ** numbers.randrange(1, 80))
        value = decimal.Decimal(f"{numbers.choice('+-')}{digits}E{numbers.randrange(-90, 30)}")
        assert encoded(value) == ("Decimal", str(value))


def test_a_decimal_of_more_than_512_digits_is_a_marker():
    assert encoded(decimal.Decimal("1" * 512)) == ("Decimal", "1" * 512)
    assert encoded(decimal.Decimal("1" * 513)) == Omitted("bytes")


@pytest.mark.parametrize("number", [0, 1, 255, 2**63, 2**64, 2**127, 2**128 - 1])
def test_a_uuid_is_its_bytes(number):
    value = uuid.UUID(int=number)
    assert encoded(value) == ("UUID", value.bytes)


def test_a_class_that_only_looks_like_uuid_is_read_with_care():
    impostor = type("UUID", (), {"__slots__": ("int",), "__module__": "uuid"})()
    assert encoded(impostor) == Omitted("unreadable")
    impostor.int = "no number"
    assert encoded(impostor) == Omitted("unreadable")


class Color(enum.Enum):
    RED = 1
    ANY = (1, 2)
    SECRET_TOKEN = "hunter2"

    @property
    def name(self):
        raise AssertionError("the tracer asked a member for its name")

    value = name


class Number(enum.IntEnum):
    ONE = 1


class Flags(enum.Flag):
    A = 1
    B = 2


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (Color.RED, ("enum", f"{__name__}.Color", "RED", 1)),
        (Color.ANY, ("enum", f"{__name__}.Color", "ANY", ("tuple", 1, 2))),
        (Number.ONE, ("enum", f"{__name__}.Number", "ONE", 1)),
        (Flags.B, ("enum", f"{__name__}.Flags", "B", 2)),
        (Color, ("type", f"{__name__}.Color")),
    ],
    ids=repr,
)
def test_a_member_of_an_enum_is_its_name_and_value(value, wanted):
    assert encoded(value) == wanted


def test_flags_together_have_the_name_that_python_gives_them():
    both = Flags.A | Flags.B
    assert encoded(both) == ("enum", f"{__name__}.Flags", both._name_, 3)


def test_a_member_that_holds_itself_is_a_cycle():
    class Odd(enum.Enum):
        ONE = 1

    Odd.ONE._value_ = [Odd.ONE]
    assert encoded(Odd.ONE)[3] == [Omitted("cycle")]
    Odd.ONE._value_ = Odd.ONE
    assert encoded(Odd.ONE)[3] == Omitted("cycle")
    del Odd.ONE._value_
    assert encoded(Odd.ONE)[0] == "object"


PATHS = [
    "",
    ".",
    "a",
    "a/",
    "/",
    "//a",
    "///a",
    "a/b/../c",
    "./a//b/.",
    "/srv/tea",
    "é/€",
    "a b",
    "..",
    "x" * 500,
]
JOINED = [
    ("a", "b"),
    ("a/", "b"),
    ("/a", "b", "c.txt"),
    ("a", "/b"),
    ("a", ""),
    ("", "b"),
    ("/", "b"),
    ("a", ".", "b"),
]


@pytest.mark.parametrize("kind", [pathlib.PurePosixPath, pathlib.Path], ids=lambda kind: kind.__name__)
def test_a_path_is_what_str_says(kind):
    for parts in [*((path,) for path in PATHS), *JOINED]:
        for ask in (None, lambda path: path.parts, str):
            path = kind(*parts)
            if ask:
                ask(path)
            assert encoded(path) == (
                "path",
                f"{type(path).__module__}.{type(path).__name__}",
                str(kind(*parts)),
            )
            child = kind(*parts) / "x"
            assert encoded(child)[2] == str(child)
            assert encoded(child.parent)[2] == str(child.parent)


def test_a_path_of_windows_is_what_was_given():
    path = pathlib.PureWindowsPath("C:\\tea", "green")
    assert encoded(path)[2] == "C:\\tea\\green"
    assert str(path) == encoded(path)[2]


def test_paths_that_are_long_or_no_utf_8():
    assert encoded(pathlib.Path("x" * 600))[2] == ("text", "x" * 512, 600)
    assert encoded(pathlib.Path("x" * 5000))[2] in (("text", "x" * 512, 5000), Omitted("bytes"))
    assert encoded(pathlib.Path("a\udcff"))[2] == ("surrogates", b"a\xed\xb3\xbf")
    assert encoded(pathlib.Path("http://u:p@h/"))[2] == "http:/u:[redacted]@h"


def test_no_method_of_a_path_is_called():
    class Hostile(type(pathlib.Path())):
        def __str__(self):
            raise AssertionError

        __repr__ = __fspath__ = __hash__ = __eq__ = as_posix = _format_parsed_parts = __str__

    assert encoded(Hostile("/a/b"))[2] == "/a/b"


def test_a_class_that_only_looks_like_a_path_is_read_with_care():
    impostor = type("PurePath", (), {"__slots__": ("_str", "_drv", "_parts"), "__module__": "pathlib"})
    for attributes in ({}, {"_str": 5}, {"_parts": [1]}, {"_parts": 5, "_drv": 7}):
        assert encoded(filled(impostor(), **attributes))[2] in (Omitted("unreadable"), 5)


def test_a_deque_is_its_items_from_the_left():
    for size in (0, 1, 31, 63, 64, 65, 300):
        items = collections.deque(range(size))
        items.rotate(7)
        assert encoded(items, max_items=1000)[2] == list(items)
        items.extendleft(range(100))
        assert encoded(items, max_items=1000)[2] == list(items)
    items.append(items)
    assert encoded(items, max_items=1000)[2][-1] == ("subclass", "collections.deque", Omitted("cycle"))
    assert encoded(collections.deque(range(100)))[2][-1] == Omitted("items", 68)


def test_a_mappingproxy_of_something_else_is_its_type():
    proxy = types.MappingProxyType(collections.ChainMap({}))
    assert encoded(proxy) == ("object", "mappingproxy")
    for _ in range(100_000):
        proxy = types.MappingProxyType(proxy)
    assert encoded(proxy) == ("object", "mappingproxy")
    table = {}
    table["again"] = types.MappingProxyType(table)
    assert encoded(table) == {"again": ("subclass", "mappingproxy", Omitted("cycle"))}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (range(1, 9, 2), ("object", "range", {"start": 1, "stop": 9, "step": 2})),
        (slice(1, None), ("object", "slice", {"start": 1, "stop": None, "step": None})),
        (
            functools.partial(len, "x", key="value"),
            (
                "object",
                "functools.partial",
                {"func": ("function", "len"), "args": ("tuple", "x"), "keywords": {"key": "value"}},
            ),
        ),
        (re.compile("a+"), ("object", "re.Pattern", {"pattern": "a+"})),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_c_classes_declare_of_themselves(value, wanted):
    assert encoded(value) == wanted


# --- Subclasses and objects -----------------------------------------------------------------------

Point = collections.namedtuple("Point", "x y")


def subclass_of(base, *args):
    return type("Sub", (base,), {"__module__": "m"})(*args)


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


class Plain:
    pass


class Slotted:
    __slots__ = ("first", "second", "unset")


class Mixed(Slotted):
    __slots__ = ("__dict__", "third")


def filled(thing, **attributes):
    for name, value in attributes.items():
        setattr(thing, name, value)
    return thing


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


def test_reading_attributes_does_not_make_a_dict():
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


# --- Hostile classes ------------------------------------------------------------------------------

SPECIAL = (
    *("__getattribute__", "__getattr__", "__repr__", "__str__", "__eq__", "__ne__", "__lt__"),
    *("__len__", "__iter__", "__next__", "__bool__", "__int__", "__index__", "__float__"),
    *("__complex__", "__bytes__", "__getitem__", "__contains__", "__dir__", "__format__"),
    *("__sizeof__", "__reduce__", "__reduce_ex__", "__call__", "__missing__", "__reversed__"),
    *("__length_hint__", "__fspath__", "keys", "items", "values", "get"),
)
BASES = [
    *(
        (object,),
        (int, 5),
        (str, "x"),
        (bytes, b"x"),
        (float, 1.0),
        (complex, 1),
        (list, [1]),
        (tuple, (1, 2)),
    ),
    *((dict, {"a": 1}), (set, {1}), (frozenset, {1}), (bytearray, b"a"), (ValueError, "m")),
    *((types.ModuleType, "m"), (datetime.datetime, 2024, 1, 1), (decimal.Decimal, "1.5")),
    *((collections.OrderedDict,), (collections.deque,)),
]


@pytest.mark.parametrize("base", BASES, ids=lambda base: base[0].__name__)
def test_no_method_of_a_value_is_called(base):
    called = []

    def trap(name):
        def method(*_, **__):
            called.append(name)
            raise SystemExit(name)

        return method

    class Hostile(base[0]):
        __class__ = property(trap("__class__"))
        attribute = property(trap("attribute"))

    value = Hostile(*base[1:])
    for name in [*SPECIAL, "__hash__"]:
        setattr(Hostile, name, trap(name))
    holder = [value, (value, value)]
    references = sys.getrefcount(value)

    data = encode_value(holder, "", LIMITS)

    assert called == []
    assert sys.getrefcount(value) == references
    assert decode(data)


def test_no_method_of_a_metaclass_is_called():
    class Meta(type):
        def __getattribute__(cls, name):
            raise SystemExit(name)

        __instancecheck__ = __subclasscheck__ = __repr__ = __hash__ = __eq__ = __getattribute__

    hostile = Meta("Hostile", (), {"__module__": "m"})
    assert encoded([hostile, hostile()]) == [("type", "m.Hostile"), ("object", "m.Hostile", {})]


def test_keys_are_neither_hashed_nor_compared():
    class Key:
        armed = False

        def __hash__(self):
            assert not self.armed
            return hash("__module__")

        def __eq__(self, other):
            assert not self.armed
            return False

    table = {Key(): 1, "a": 2, Key(): 3}
    thing = filled(Plain(), a=1)
    thing.__dict__[Key()] = 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 3.13 warns of keys that are no str
        odd = type("Odd", (), {Key(): 1, "__module__": "m"})
    Key.armed = True
    assert len(decode_pairs(table)) == 3
    assert encoded(odd()) == ("object", "m.Odd", {})
    assert encode_value(thing, "", LIMITS)
    Key.armed = False


def decode_pairs(value):
    return msgpack.unpackb(
        encode_value(value, "", LIMITS), ext_hook=_extension, strict_map_key=False, object_pairs_hook=Pairs
    )


def test_names_of_odd_kinds_do_no_harm():
    nameless = types.ModuleType("x")
    nameless.__dict__.clear()
    odd = type("Odd", (), {})
    odd.__module__ = 5

    def function():
        pass

    function.__module__ = odd
    assert encoded(nameless) == ("module", "")
    assert encoded(odd) == ("type", "Odd")
    assert encoded(function)[0] == "function"


def test_a_lazy_object_stays_unevaluated():
    class Lazy:
        def __getattr__(self, name):
            raise AssertionError("evaluated")

    assert encoded(filled(Lazy(), _wrapped=None))[2] == {"_wrapped": None}


def test_a_generator_is_not_advanced():
    generator = (i for i in range(3))
    encoded(generator)
    assert list(generator) == [0, 1, 2]


def test_every_object_of_this_process_can_be_encoded():
    numbers = random.Random(2)
    for value in gc.get_objects():
        limits = {
            **LIMITS,
            "max_depth": numbers.choice((0, 1, 3, 40)),
            "max_items": numbers.choice((0, 5, 32, 70_000)),
            "max_value_bytes": numbers.choice((0, 50, 4096)),
        }
        data = encode_value(value, "", limits)
        msgpack.unpackb(data, ext_hook=_extension, strict_map_key=False, object_pairs_hook=Pairs)
