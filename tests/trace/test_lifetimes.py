"""Recording moves no reference count, tracks no object, and lets nothing live longer or shorter.

One program looks at itself and prints what it sees; it must print the same whether it is recorded or not.
That it would notice a hook that meddles is shown with one that does.
"""

from __future__ import annotations

import json
import textwrap

import pytest
from arms import Arm, arms, pythons
from other_tools import compile_other_frame_eval

pytestmark = pytest.mark.usefixtures("installed")

PROGRAM = r"""
import asyncio, contextvars, enum, datetime, decimal, functools, gc, json, sys, uuid, weakref
from collections import Counter, OrderedDict, deque
from pathlib import PurePosixPath

import kolo_probe

gc.disable()
seen = {}


# --- reference counts: of many kinds of objects, while they are arguments, locals and results ------


class Plain:
    def __init__(self):
        self.a, self.b = [1], "b"


class Slotted:
    __slots__ = ("x", "y")
    def __init__(self):
        self.x = object()


class WithDict(dict):
    pass


class Colour(enum.Enum):
    RED = 1


def closure():
    held = object()
    def inner():
        return held
    return inner


OBJECTS = {
    "list": [1, [2, [3, [4, [5]]]]], "dict": {"a": {"b": [object()]}}, "set": {"x", "y"}, "str": "x" * 600,
    "bytes": b"y" * 600, "big int": 10**400, "float": float("1e100"), "plain": Plain(), "slotted": Slotted(),
    "dict subclass": WithDict(a=1), "enum": Colour.RED, "date": datetime.datetime(2026, 1, 1),
    "aware": datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc), "decimal": decimal.Decimal("1.5"),
    "uuid": uuid.UUID(int=7), "path": PurePosixPath("/a/b"), "deque": deque([1, 2]),
    "counter": Counter("aab"), "ordered": OrderedDict(a=1),
    "function": closure(), "method": Plain().__init__, "class": Plain,
    "module": type(json)("made"), "generator": (i for i in range(3)), "iterator": iter([1]),
    "exception": ValueError("no"),
    "memoryview": memoryview(b"x"), "partial": functools.partial(len, "x"), "lambda": lambda: 0,
    "weakref": weakref.ref(Plain), "text": "\ud800", "tuple": ([1], {}), "cycle": [],
    "password": ["hunter2"], "range": range(9), "slice": slice(1), "frozenset": frozenset({1}),
}
OBJECTS["cycle"].append(OBJECTS["cycle"])


def count(value, name):
    local = value
    return [sys.getrefcount(local), len(gc.get_referrers(local)) if name == "plain" else 0]


def passes(value, name, *args, key=None, **more):
    inside = count(value, name)
    try:
        raise KeyError(value)
    except KeyError as error:
        return inside, sys.getrefcount(value), sys.getrefcount(error)


def reference_counts():
    found = {}
    for name, value in OBJECTS.items():
        before = sys.getrefcount(value)
        inside = passes(value, name, value, key=value, other=value)
        found[name] = [before, inside, sys.getrefcount(value)]
    return found


# --- lifetimes: when each object goes -------------------------------------------------------------


class Mortal:
    def __init__(self, name):
        self.name = name
    def __del__(self):
        log.append("end of " + self.name)


log = []


def uses(mortal):
    log.append("used " + mortal.name)


def deletes():
    mortal = Mortal("deleted local")
    uses(mortal)
    del mortal
    log.append("after del")


def returns():
    kept = Mortal("returned")
    dropped = Mortal("not returned")
    return kept


def raises():
    held = Mortal("held by a frame that raises")
    raise ValueError(Mortal("argument of an exception"))


def swallows():
    try:
        raises()
    except ValueError:
        log.append("caught")
    log.append("after except")


def steps():
    held = Mortal("held by a generator")
    yield 1
    yield 2


async def waits():
    held = Mortal("held by a coroutine")
    await asyncio.sleep(0)
    return Mortal("result of a coroutine")


def cell():
    mortal = Mortal("in a cell")
    return lambda: mortal


def rebinds(argument):
    argument = None
    log.append("rebound")


def lifetimes():
    del log[:]
    deletes()
    returns()
    log.append("result dropped")
    swallows()
    generator = steps()
    next(generator)
    del generator
    log.append("generator dropped")
    generator = steps()
    list(generator)
    log.append("generator exhausted")
    asyncio.run(waits(), debug=False)
    log.append("loop closed")
    inner = cell()
    inner()
    del inner
    log.append("closure dropped")
    rebinds(Mortal("rebound argument"))
    context = contextvars.copy_context()
    context.run(uses, Mortal("used in a context"))
    del context
    log.append("done")
    return list(log)


# --- what the collector sees, and what is allocated -----------------------------------------------


def call(n, items):
    local = [n]
    return len(items)


def many(n):
    items = [1, 2, 3]
    plain = Plain()
    for i in range(n):
        call(i, items)
        call(i, plain.a)
    try:
        call(1, None)
    except TypeError:
        pass
    return sum(1 for _ in range(n))


def tracked():
    return Counter(type(o).__name__ for o in gc.get_objects())


def collector_sees():
    found = {}
    before = tracked()
    first = gc.get_count()[0]
    many(2000)
    found["allocations"] = gc.get_count()[0] - first
    found["objects"] = sorted((tracked() - before).items())
    return found


def blocks():
    many(300)
    before = sys.getallocatedblocks()
    total = getattr(sys, "gettotalrefcount", lambda: 0)()  # of a debug build
    many(3000)
    # A few of this function's own come and go; 9 000 calls that each left something would be seen.
    more = getattr(sys, "gettotalrefcount", lambda: 0)() - total
    return [abs(sys.getallocatedblocks() - before) < 20, abs(more) < 20]


def own_dict():
    # From 3.11 on an object has no dict until somebody asks: its values, and no dict, are its referents.
    plain = Plain()
    call(1, [plain])
    uses_plain(plain)
    return sorted(type(o).__name__ for o in gc.get_referents(plain))


def uses_plain(plain):
    return plain


def everything():
    seen["reference counts"] = reference_counts()
    seen["lifetimes"] = lifetimes()
    seen["collector"] = collector_sees()
    seen["blocks"] = blocks()
    seen["own dict"] = own_dict()


if "frame evaluation" in sys.argv:
    import other_frame_eval
    other_frame_eval.set(True)
if "meddle" in sys.argv:
    keep = []
    def meddle(frame, event, argument):
        if len(keep) > 1000:
            del keep[:]
        keep.append((argument, dict(frame.f_locals)))
    sys.setprofile(meddle)
with kolo_probe.enable():  # what is made once for each code and module is made here
    everything()
with kolo_probe.enable():
    everything()
sys.setprofile(None)
objects = tracked()
with kolo_probe.enable():
    many(10)
seen["left behind by a trace"] = sorted((tracked() - objects).items())
import json as _json
from kolo_probe import _session
native = _session._session.native
print(_json.dumps(seen))
print(native.status()["emitted"] if native else 0, file=sys.stderr)
"""


def look(python, folder, *words, hook="auto", **environment):
    # An event's values are not cut short where a machine is slow: all of them are to be looked at.
    options = "collector = 'off'\nlimits = { max_event_us = 1_000_000 }\n"
    (folder / "pyproject.toml").write_text(f"[tool.kolo]\n{options}hook = '{hook}'\n")
    (folder / "program.py").write_text(textwrap.dedent(PROGRAM))
    done = python.run("program.py", *words, folder=folder, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), int(done.stderr)


@pytest.fixture(params=arms(), ids=str)
def arm(request) -> Arm:
    return request.param


def test_a_program_that_looks_at_its_objects_sees_no_difference(tmp_path, arm):
    words = []
    if arm.hook == "frame_eval" and arm.python.version >= (3, 11):
        # 3.11 inlines calls, and lets the callee take over the references to its arguments, only where there
        # is no frame evaluation function: compared with one that does nothing. See docs/harmless.md.
        compile_other_frame_eval(arm.python, tmp_path)
        words = ["frame evaluation"]
    plain, nothing = look(arm.python, tmp_path, *words, KOLO_DISABLE="1")
    recorded, emitted = look(arm.python, tmp_path, hook=arm.hook)
    assert nothing == 0
    assert emitted > 30_000
    for what, wanted in plain.items():
        assert recorded[what] == wanted, what
    assert plain["left behind by a trace"] == [["Counter", 1]]  # the one that counts
    assert plain["blocks"] == [True, True]


@pytest.mark.parametrize("python", pythons(), ids=str)
def test_a_hook_that_meddles_would_be_seen(tmp_path, python):
    plain, _ = look(python, tmp_path, KOLO_DISABLE="1")
    meddled, _ = look(python, tmp_path, "meddle", KOLO_DISABLE="1")
    noticed = {what for what in plain if plain[what] != meddled[what]}
    assert noticed >= {"reference counts", "lifetimes", "collector"}
