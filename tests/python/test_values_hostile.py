"""No code of a class runs when the encoder reads an instance, or the class itself."""

from __future__ import annotations

import collections
import datetime
import decimal
import gc
import random
import sys
import types
import warnings

import msgpack
import pytest
from encoding import LIMITS, Pairs, Plain, decode, decode_pairs, encode_value, encoded, extension, filled

pytestmark = pytest.mark.usefixtures("each_encoder")


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
        msgpack.unpackb(data, ext_hook=extension, strict_map_key=False, object_pairs_hook=Pairs)
