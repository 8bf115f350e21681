"""Locals at the end of an activation: what they are then, also where the probe does not encode an argument a
second time because its code never assigns it.

A case is a program whose `f` is called once, and what `f` was called with and left behind.
"""

from __future__ import annotations

import sys

import pytest
from test_native_run import activations, command, only_trace
from test_run import script

pytestmark = pytest.mark.usefixtures("installed")

UNBOUND = {"$type": "omitted", "$omitted": {"reason": "unbound"}}
CASES = {
    "never assigned": ("def f(a, b='x', *, c=2.5): return a\nf(1)", {"a": 1, "b": "x", "c": 2.5}, "the same"),
    "assigned": ("def f(a, b):\n    b = a\nf(1, 2)", {"a": 1, "b": 2}, {"a": 1, "b": 1}),
    "assigned to an equal value": ("def f(a):\n    a += 0\nf(700)", {"a": 700}, {"a": 700}),
    "deleted": ("def f(a):\n    del a\nf(1)", {"a": 1}, {"a": UNBOUND}),
    "the target of a loop": ("def f(a):\n    for a in 'xy': pass\nf(1)", {"a": 1}, {"a": "y"}),
    "the target of except": (
        "def f(a):\n    try: 1 / 0\n    except ArithmeticError as a: pass\nf(1)",
        {"a": 1},
        {"a": UNBOUND},
    ),
    "unpacked into": ("def f(a, b):\n    a, b = b, a\nf(1, 2)", {"a": 1, "b": 2}, {"a": 2, "b": 1}),
    "a comprehension's variable": (
        "def f(a):\n    return [a for a in 'xy']\nf(1)",
        {"a": 1},
        {"a": 1},
    ),
    "assigned by a function that closes over it": (
        "def f(a, b):\n    def g():\n        nonlocal a\n        a = 'g'\n    g()\n    g = None\nf(1, 2)",
        {"a": 1, "b": 2},
        {"a": "g", "b": 2, "g": None},
    ),
    "changed inside": (
        "def f(a, b):\n    a.append(2)\n    b['k'] = 1\nf([1], {})",
        {"a": [1], "b": {}},
        {"a": [1, 2], "b": {"k": 1}},
    ),
    "a secret": (
        "def f(a, password): pass\nf(1, 'p')",
        {"a": 1, "password": {"$type": "omitted", "$omitted": {"reason": "redacted"}}},
        "the same",
    ),
    "of a generator": ("def f(a):\n    yield 1\n    yield 2\nlist(f(7))", {"a": 7}, "the same"),
    "left by an exception": (
        "def f(a, b='x'):\n    raise KeyError\ntry: f(1)\nexcept KeyError: pass",
        {"a": 1, "b": "x"},
        "the same",
    ),
    "more than one byte counts": (
        "def f(" + ", ".join(f"a{i}=0" for i in range(300)) + "):\n    a299 = 'set'\nf()",
        {f"a{i}": 0 for i in range(300)},
        {**{f"a{i}": 0 for i in range(299)}, "a299": "set"},
    ),
    "edited by a debugger": (
        """
        import sys

        def local(frame, event, argument):
            if event == "return":
                frame.f_locals["a"] = "edited"
                if sys.version_info < (3, 13):
                    import ctypes
                    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
            return local

        def f(a):
            "Its frame's variables are assigned, and its code says nothing of that."

        sys.settrace(lambda frame, event, argument: local if frame.f_code is f.__code__ else None)
        f(1)
        sys.settrace(None)
        """,
        {"a": 1},
        {"a": "edited"},
    ),
    "edited by the code itself": (
        """
        import sys

        def f(a):
            sys._getframe().f_locals["a"] = "edited"
        f(1)
        """,
        {"a": 1},
        {"a": "edited" if sys.version_info >= (3, 13) else 1},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_locals_are_what_they_are_at_the_end(tmp_path, name):
    program, arguments, local = CASES[name]
    done = command("kolo-probe", "run", script(tmp_path, program), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    (found,) = (
        activation
        for activation in activations(tmp_path, only_trace(tmp_path))
        if activation["qualname"].endswith(".f")
    )
    assert found["arguments"] == arguments
    assert found["locals"] == (arguments if local == "the same" else local)
