"""Reprs that the user asked for: whose run, what they may do, and that they cost the program nothing else.

One program for each configuration and hook; each test states one rule about what was recorded of it.
"""

from __future__ import annotations

import pytest
from arms import arms, has, shown_trace, traces

pytestmark = pytest.mark.usefixtures("installed")

PROGRAM = """
import collections, enum, os, sys, time, warnings
import greenlet

# Whether a thread of ours still runs when a program forks is no subject here.
warnings.simplefilter("ignore", DeprecationWarning)
asked = collections.Counter()

class Tea:
    def __init__(self, name, **more):
        self.name = name
        self.__dict__.update(more)

    def __repr__(self):
        asked[self.name] += 1
        return f"<Tea {describe(self.name)}>"

def describe(name):
    return name.upper()

class Green(Tea):
    pass

class Plain:
    def __init__(self):
        self.a = 1

class Own:
    def __repr__(self):
        asked["Own"] += 1
        return "<own>"

class Size(enum.Enum):
    SMALL = 1
    def __repr__(self):
        asked["Size"] += 1
        return "size"

Point = collections.namedtuple("Point", "x y")

class Leaky(Tea):
    def __repr__(self):
        return "Leaky(password='hunter2', url=http://u:hunter2@h) " + "x" * 1000

class Fails(Tea):
    def __repr__(self):
        asked["Fails"] += 1
        raise RuntimeError

class Leaves(Tea):
    def __repr__(self):
        sys.exit(3)

class NoText(Tea):
    def __repr__(self):
        return 5

class Slow(Tea):
    def __repr__(self):
        asked["Slow"] += 1
        time.sleep(0.05)
        return "slow"

class Steps(Tea):
    def __repr__(self):
        return f"steps {next(self.numbers)}"

class Forks(Tea):
    may_fork = False
    def __repr__(self):
        if not self.may_fork:
            return ""
        self.may_fork = False
        self.child = os.fork()
        if self.child:
            return f"parent {os.waitpid(self.child, 0)[1]}"
        return "child"

class Switches(Tea):
    def __repr__(self):
        return "switched " + self.other.switch()

class Clears(Tea):
    def __repr__(self):
        self.items.clear()
        return "cleared"

def f(value):
    return None

def g(value):
    raise KeyError(value)

def numbers():
    yield 1
    yield 2
    yield 3

f(Tea("argument"))
f([{"deep": Tea("nested")}])
f(Green("subclass"))
f(Plain())
f(Own())
f(Size.SMALL)
f(Point(1, 2))
f({"password": Tea("secret")})
f(Leaky(""))
for _ in range(2):
    f(Fails(""))
f(Leaves(""))
f(NoText(""))
for _ in range(3):
    f(Slow(""))

generator = numbers()
next(generator)
f(Steps("", numbers=generator))
assert next(generator) == 3

forks = Forks("")
forks.may_fork = True
f(forks)
if forks.child == 0:
    f("child goes on")
    os._exit(7)

def elsewhere():
    f("in another greenlet")
    main.switch("and back")

main = greenlet.getcurrent()
f(Switches("", other=greenlet.greenlet(elsewhere)))

items = [Tea("cleared")]
f([Clears("", items=items), items])

caught = []
try:
    g(Tea("raises"))
except KeyError as e:
    caught.append(type(e))
assert caught == [KeyError]
print(sorted(asked.items()))
"""

TYPES = """
[tool.kolo]
limits = { max_event_us = 1_000_000 }
omit_return_locals = true
repr = { types = ["__main__.Tea"], max_us = 20_000 }
"""
ALL = TYPES.replace('types = ["__main__.Tea"]', "all = true")


def run(folder, arm):
    if not has(arm.python, "greenlet"):
        pytest.skip("greenlet is not there")
    words = ("-m", "kolo_probe", "run", "--hook", arm.hook, "program.py")
    return arm.python.run(*words, folder=folder)


class Ran:
    """What was recorded and printed under one configuration and hook."""

    def __init__(self, folder, arm, configuration):
        self.arm = arm
        (folder / "pyproject.toml").write_text(configuration)
        (folder / "program.py").write_text(PROGRAM)
        self.done = run(folder, arm)
        assert (self.done.returncode, self.done.stderr) == (0, "")
        found = {trace["kind"]: trace for trace in traces(folder)}
        self.trace = found["script"]
        # A child that a repr forks goes on in a trace of its own.
        self.child = shown_trace(folder, found["fork"]["id"])["activations"] if "fork" in found else []
        self.activations = shown_trace(folder, self.trace["id"])["activations"]
        self.asked = dict(eval(self.done.stdout))

    def given(self, owner):
        """The argument of each call of `f` or `g` that holds an object of that class."""
        values = [
            one["arguments"]["value"] for one in self.activations if one["qualname"].endswith((".f", ".g"))
        ]
        return [value for value in values if f'.{owner}"' in repr(value).replace("'", '"')]

    def texts(self, owner):
        return [value["text"] for value in self.given(owner) if "text" in value]


@pytest.fixture(scope="module", params=arms(), ids=str)
def types(request, tmp_path_factory):
    return Ran(tmp_path_factory.mktemp("types"), request.param, TYPES)


@pytest.fixture(scope="module", params=[arm for arm in arms() if arm.hook != "profile"], ids=str)
def everything(request, tmp_path_factory):
    return Ran(tmp_path_factory.mktemp("all"), request.param, ALL)


def failed(reason):
    return {"$type": "omitted", "$omitted": {"reason": reason}}


def test_the_reprs_of_a_class_that_is_named_are_recorded(types):
    assert types.texts("Tea")[0] == "<Tea ARGUMENT>"
    assert types.given("Tea")[0] == {"$type": "repr", "class": "__main__.Tea", "text": "<Tea ARGUMENT>"}


def test_and_so_are_those_of_its_subclasses_and_of_what_is_nested(types):
    assert types.texts("Green") == ["<Tea SUBCLASS>"]
    assert types.given("Tea")[1] == [
        {"deep": {"$type": "repr", "class": "__main__.Tea", "text": "<Tea NESTED>"}}
    ]


def test_nobody_else_is_asked(types):
    assert not {"Own", "Size"} & set(types.asked)
    assert types.given("Plain") == [{"$type": "object", "class": "__main__.Plain", "attributes": {"a": 1}}]


def test_a_repr_runs_once_an_event(types):
    assert types.asked["argument"] == types.asked["nested"] == types.asked["subclass"] == 1


def test_what_is_redacted_is_not_asked(types):
    assert "secret" not in types.asked


def test_secrets_in_a_repr_are_redacted_and_it_is_cut(types):
    (text,) = types.texts("Leaky")
    assert text["value"].startswith("Leaky(password='[redacted]', url=http://u:[redacted]@h) xxx")
    assert text["length"] > 1000
    assert len(text["value"]) < 530


def test_a_repr_that_fails_is_a_marker(types):
    assert types.texts("Fails") == [failed("repr_failed")] * 2
    assert types.texts("Leaves") == types.texts("NoText") == [failed("repr_failed")]


def test_a_class_whose_repr_is_slow_is_not_asked_again(types):
    made = [one["arguments"]["self"] for one in types.activations if one["qualname"].endswith(".__init__")]
    assert [one["text"] for one in made if one["class"] == "__main__.Slow"][:1] == ["slow"]
    assert types.texts("Slow") == [failed("repr_slow")] * 3
    assert types.asked["Slow"] == 1


def test_what_a_repr_calls_is_not_recorded(types):
    assert not [one for one in types.activations if one["qualname"].endswith((".describe", ".__repr__"))]


def test_a_generator_that_a_repr_moves_on_goes_on(types):
    assert types.texts("Steps") == ["steps 2"]
    (numbers,) = [one for one in types.activations if one["qualname"].endswith(".numbers")]
    assert numbers["outcome"] in ("open", "abandoned")


def test_a_repr_may_fork(types):
    assert types.texts("Forks") == [f"parent {7 << 8}"]
    (child,) = types.child
    assert child["arguments"] == {"value": "child goes on"}


def test_a_repr_may_switch_greenlets(types):
    assert types.texts("Switches") == ["switched and back"]


def test_what_changes_while_reprs_run_is_recorded_as_it_is_then(types):
    cleared, items = types.given("Clears")[0]
    assert (cleared["text"], items) == ("cleared", [])


def test_an_exception_on_its_way_is_left_alone(types):
    (left,) = [one for one in types.activations if one["qualname"].endswith(".g")]
    assert left["outcome"] == "raised"
    if types.arm.hook != "profile":
        assert left["exception"]["class"] == "KeyError"
        assert left["exception"]["args"][0]["text"] == "<Tea RAISES>"


def test_every_event_is_accounted_for(types):
    assert types.trace["lost"] == 0
    assert types.trace["status"] == "complete"


def test_all_means_every_object_that_has_a_repr_of_its_own(everything):
    assert everything.texts("Own") == ["<own>"]
    assert everything.texts("Tea")[0] == "<Tea ARGUMENT>"
    assert everything.given("Plain") == [
        {"$type": "object", "class": "__main__.Plain", "attributes": {"a": 1}}
    ]


def test_but_what_can_be_shown_without_it_is(everything):
    assert "Size" not in everything.asked
    assert everything.given("Size")[0]["$type"] == "enum"
    assert everything.given("Point")[0]["$type"] == "subclass"


@pytest.fixture
def arm():
    """One is enough for what no version does otherwise."""
    return arms()[0]


def test_by_default_none_runs(tmp_path, arm):
    (tmp_path / "program.py").write_text("""
class Tea:
    def __repr__(self):
        raise SystemExit("asked")
def f(value):
    return [value]
f(Tea())
""")
    done = run(tmp_path, arm)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_in_a_repr_is_for_the_program(tmp_path, arm):
    (tmp_path / "pyproject.toml").write_text(TYPES)
    (tmp_path / "program.py").write_text("""
import os, signal, time
class Tea:
    def __repr__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        return ""
def f(value):
    time.sleep(5)
    print("not reached")
try:
    f(Tea())
except KeyboardInterrupt:
    print("interrupted")
""")
    done = run(tmp_path, arm)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


def test_the_name_of_a_class_is_one_string_or_the_list_is_refused(tmp_path, arm):
    (tmp_path / "pyproject.toml").write_text('[tool.kolo]\nrepr = { types = "__main__.Tea" }\n')
    (tmp_path / "program.py").write_text("print(1)")
    done = run(tmp_path, arm)
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert "repr.types must be a list of strings" in done.stderr
