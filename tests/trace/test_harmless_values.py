"""Recording values changes nothing in the program: with each hook it prints what it prints without it.

Each program looks at what recording could disturb: code of hostile classes, reference counts and the moment
objects die, instance dicts, SQL. What was recorded of it is looked at as well, so that a program of which
nothing was recorded does not pass.
"""

from __future__ import annotations

import json

import pytest
from arms import arms, has, pure_arms, shown_trace, traces

pytestmark = pytest.mark.usefixtures("installed")

# Every special method of these classes ends the process at once: neither a swallowed exception nor a time
# limit can hide that one ran. They are armed while the calls run, and are met in every place a value has.
HOSTILE = """
import collections, datetime, decimal, enum, os, pathlib, types, uuid, weakref

armed = False

def trap(name):
    def method(*arguments, **named):
        if armed:
            os.write(1, f"{name} ran\\n".encode())
            os._exit(77)
        return NotImplemented
    return method

NAMES = [
    "__getattribute__", "__getattr__", "__setattr__", "__delattr__", "__repr__", "__str__", "__format__",
    "__bytes__", "__eq__", "__ne__", "__lt__", "__gt__", "__le__", "__ge__", "__bool__", "__len__",
    "__length_hint__", "__iter__", "__next__", "__reversed__", "__contains__", "__getitem__", "__missing__",
    "__int__", "__index__", "__float__", "__complex__", "__call__", "__dir__", "__sizeof__", "__reduce__",
    "__reduce_ex__", "__getstate__", "__copy__", "__deepcopy__", "__fspath__", "__enter__", "__exit__",
    "__get__", "__set__", "__delete__", "__set_name__", "__del__", "__add__", "__hash__", "__await__",
    "__aiter__", "__instancecheck__", "__subclasscheck__", "__fields__", "keys", "items", "values", "get",
    "copy", "name", "value", "parts",
    "tzname", "utcoffset", "dst", "args", "_fields", "_asdict", "_str", "as_posix",
]

class Meta(type):
    pass

def look(cls, name):
    return trap("Meta.__getattribute__")() if armed else type.__getattribute__(cls, name)

Meta.__getattribute__ = look
for name in ("__repr__", "__instancecheck__", "__subclasscheck__", "__dir__", "__len__", "__iter__",
             "__contains__", "__format__"):
    setattr(Meta, name, trap("Meta." + name))

def hostile(base, *arguments):
    # Raising an exception asks its metaclass, as it must.
    metaclass = Meta if type(base) is type and not issubclass(base, BaseException) else type(base)
    seen = {name: property(trap(name)) for name in ("__class__", "__dict__", "__doc__", "__weakref__")}
    seen["__module__"] = "m"
    made = metaclass("Hostile", (base,), seen)
    instance = made(*arguments)
    try:
        instance.attribute = instance
    except AttributeError:
        pass
    for name in NAMES:
        type.__setattr__(made, name, trap(name))
    return instance

class Color(enum.Enum):
    RED = 1

class Odd(enum.Enum):
    ONE = 1
    name = property(trap("Enum.name"))
    value = property(trap("Enum.value"))
    __repr__ = __str__ = trap("a member's __repr__")

class Slots:
    __slots__ = ("a", "b")

class Zone(datetime.tzinfo):
    utcoffset = tzname = dst = trap("zone")

Pair = collections.namedtuple("Pair", "a b")
values = [
    hostile(object), hostile(int, 5), hostile(str, "x"), hostile(bytes, b"x"), hostile(bytearray, b"x"),
    hostile(float, 1.5), hostile(complex, 1j), hostile(list, [1]), hostile(tuple, (1,)),
    hostile(dict, {1: 2}), hostile(set, {1}), hostile(frozenset, {1}), hostile(Exception, "message"),
    hostile(OSError, 2, "no", "file"), hostile(KeyError, "k"), hostile(datetime.datetime, 2024, 1, 1),
    hostile(datetime.date, 2024, 1, 1), hostile(datetime.timedelta, 1), hostile(decimal.Decimal, "1.5"),
    hostile(collections.OrderedDict), hostile(collections.defaultdict, int),
    hostile(collections.Counter, "ab"), hostile(collections.deque, [1]),
    hostile(collections.UserDict, {"a": 1}), hostile(types.ModuleType, "m"),
    hostile(types.SimpleNamespace), hostile(Slots), hostile(Pair, 1, 2),
    hostile(pathlib.PurePosixPath, "/a/b"), datetime.datetime(2024, 1, 1, tzinfo=Zone()),
    types.MappingProxyType({"a": 1}), Color.RED, Odd.ONE,
]

def takes(value):
    local = [value]
    return value

def gives(values):
    for value in values:
        yield value

def raises(error):
    raise error

class Holder:
    def method(self, value):
        self.value = value
        return {"value": value, "pair": (value, value)}

def outer(value):
    def inner():
        return value
    return inner()

def everything():
    for value in values:
        takes(value)
        takes([value, (value,), {"key": value}])
        takes(type(value))
        Holder().method(value)
        outer(value)
    for value in gives(values):
        pass
    for value in values:
        if BaseException in type.__dict__["__mro__"].__get__(type(value)):
            try:
                raises(value)
            except BaseException:
                pass
    generator = gives(values)
    next(generator)
    try:
        generator.throw(error)
    except BaseException:
        pass

error = hostile(RuntimeError, "thrown")
armed = True
everything()
armed = False
print("nothing ran")
"""

# What an object is to the program: how often it is referred to, when it dies, whether it has a dict.
LIVES = """
import gc, sys, weakref

log = []

class Thing:
    def __init__(self, name, *more):
        self.name = name
        self.more = more

    def method(self, other):
        return other

    def __del__(self):
        log.append(("died", self.name))

class Slots:
    __slots__ = ("a", "__weakref__")

def takes(value, *rest, key=None):
    before = sys.getrefcount(value)
    local = makes("inner") and value
    more = sys.getrefcount(value)
    del local
    log.append((more - before, sys.getrefcount(value) - before))
    return [value]

def makes(name):
    thing = Thing(name)
    weakref.finalize(thing, log.append, ("finalised", name))
    return thing

def forgets(name):
    thing = makes(name)
    log.append("before del")
    del thing
    log.append("after del")

def fails(name):
    thing = makes(name)
    raise ValueError(thing)

def swallows(name):
    try:
        fails(name)
    except ValueError as e:
        log.append(("swallowed", len(e.args), sys.getrefcount(e), sys.getrefcount(e.args[0])))
    log.append("after except")

def steps(name):
    thing = makes(name)
    yield thing
    log.append("second step")
    yield None

def closes(name):
    generator = steps(name)
    next(generator)
    log.append("before close")
    generator.close()
    log.append("closed")

def drops(name):
    generator = steps(name)
    next(generator)
    log.append("before drop")
    del generator
    log.append("dropped")

def cycle(name):
    thing = makes(name)
    thing.me = thing
    del thing
    log.append("before collect")
    gc.collect()
    log.append("after collect")

gc.disable()
for name in (takes, forgets, swallows, closes, drops, cycle):
    name(name.__name__)
thing = Thing("kept", 1, 2)
before = sys.getrefcount(thing), sys.getrefcount(Thing), sys.getrefcount(thing.more), sys.getrefcount(takes)
for _ in range(50):
    takes(thing, 1, key=[thing])
    thing.method({"a": thing})
    thing.method(takes)
    thing.method(Slots())
after = sys.getrefcount(thing), sys.getrefcount(Thing), sys.getrefcount(thing.more), sys.getrefcount(takes)
log.append(after == before)
log.append((sys.getsizeof(thing), sorted(type(part).__name__ for part in gc.get_referents(thing))))
exact = [object(), "\\u00e9" * 5, 2**100, 1.5]
sizes = [sys.getsizeof(value) for value in exact]
takes(exact)
log.append([sys.getsizeof(value) for value in exact] == sizes)
for line in log:
    print(line)
"""

DJANGO = """
import django
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    USE_TZ=True, SECRET_KEY="k", DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.db.models import F, Q
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy

call_command("migrate", verbosity=0)
user = User.objects.create(username="assam", password="planted-hash")
user.groups.add(Group.objects.create(name="teas"))
statements = []

def counted(execute, sql, *more):
    statements.append(sql)
    return execute(sql, *more)

def takes(value):
    local = [value]
    return value

def everything():
    queries = [
        User.objects.all(), User.objects.filter(username="x")[:5], User.objects.values("id"),
        User.objects.select_related(), Group.objects.filter(user=user), user.groups, user.groups.all(),
    ]
    lazies = [SimpleLazyObject(lambda: statements.append("evaluated")), gettext_lazy("Tea")]
    for value in [*queries, *lazies, Q(a=1) | ~Q(b=2), F("a") + 1, User, User.objects, connection]:
        takes(value)
        takes({"value": value})
    takes(deferred)
    takes(user)
    return queries, lazies

deferred = User.objects.only("id").get()
with connection.execute_wrapper(counted):
    queries, lazies = everything()
print(statements)
print([query._result_cache for query in queries if hasattr(query, "_result_cache")])
print(deferred.get_deferred_fields() >= {"username"}, sorted(vars(deferred)))
"""


def ran(arm, folder, *words):
    done = arm.python.run(*words, "program.py", folder=folder)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arm", arms() + pure_arms(with_pypy=False), ids=str)
@pytest.mark.parametrize("program", [HOSTILE, LIVES, DJANGO], ids=["hostile classes", "lives", "no SQL"])
def test_the_program_is_as_without_recording(tmp_path, program, arm):
    if program is LIVES and arm.hook == "pure" and arm.python.version < (3, 13):
        pytest.skip("a profile function in Python keeps locals alive before 3.13: docs/capture.md")
    if program is DJANGO and not has(arm.python, "django"):
        pytest.skip("Django is not there")
    (tmp_path / "program.py").write_text(program)
    # With limits that let the encoder go far.
    (tmp_path / "pyproject.toml").write_text(
        "[tool.kolo]\nlimits = { max_event_us = 1_000_000, max_depth = 6, max_value_bytes = 20_000 }\n"
    )
    wanted = ran(arm, tmp_path)
    assert wanted[0] == 0, wanted
    assert ran(arm, tmp_path, "-m", "kolo_probe", "run", "--hook", arm.setting) == wanted
    (trace,) = traces(tmp_path)
    seen = shown_trace(tmp_path, trace["id"])["activations"]
    assert {one["qualname"].rpartition(".")[2] for one in seen} >= {"takes"}
    told = json.dumps(seen)
    if program is HOSTILE:
        assert told.count('"m.Hostile"') > 500
    if program is DJANGO:
        assert wanted[1].splitlines()[0] == "[]"
        assert "django.db.models.query.QuerySet" in told
        assert "django.utils.functional.SimpleLazyObject" in told
        assert '"username": "assam"' in told
        assert "planted" not in told
