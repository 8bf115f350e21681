"""What the encoder makes of the standard library's values. Each test states one rule."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import functools
import pathlib
import random
import re
import types
import uuid

import pytest
from encoding import Omitted, encoded, filled

pytestmark = pytest.mark.usefixtures("each_encoder")


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


def test_a_class_that_only_looks_like_uuid_is_read_with_care(each_encoder):
    impostor = type("UUID", (), {"__slots__": ("int",), "__module__": "uuid"})()
    content = Omitted("unreadable") if each_encoder == "native" else ("object", "uuid.UUID", {})
    assert encoded(impostor) == content
    impostor.int = "no number"
    assert encoded(impostor) in (content, ("object", "uuid.UUID", {"int": "no number"}))


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


def test_a_class_that_only_looks_like_a_path_is_read_with_care(each_encoder):
    impostor = type("PurePath", (), {"__slots__": ("_str", "_drv", "_parts"), "__module__": "pathlib"})
    for attributes in ({}, {"_str": 5}, {"_parts": [1]}, {"_parts": 5, "_drv": 7}):
        told = Omitted("unreadable") if each_encoder == "native" else attributes
        assert encoded(filled(impostor(), **attributes))[2] in (told, 5)


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
