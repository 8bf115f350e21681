"""Trace tests: a program, and the activations it must give, with every hook that this Python has.

An expected line is an activation, indented below its parent: its qualified name without the module, how it
ended, and what it returned or raised. What a hook cannot see is said in `seen_by`.
"""

from __future__ import annotations

import sys

import pytest
from test_native_run import activations, command, only_trace
from test_run import script

pytestmark = pytest.mark.usefixtures("installed")

HOOKS = ["profile", "monitoring" if sys.version_info >= (3, 12) else "frame_eval"]

CASES = {
    "calls nest, and results are theirs": (
        """
        def inner(a, b=2, *args, c, **more):
            return a + b + c

        def outer():
            return inner(1, c=3)

        outer()
        """,
        """
        <module> returned None
            outer returned 6
                inner returned 6
        """,
    ),
    "an exception leaves every frame that it crosses, and ends where it is caught": (
        """
        class Wrong(Exception):
            pass

        def fails(why):
            raise Wrong(why, 7)

        def passes_on():
            fails("because")

        def catches():
            try:
                passes_on()
            except Wrong:
                return "caught"

        catches()
        """,
        """
        <module> returned None
            Wrong returned None
            catches returned 'caught'
                passes_on raised __main__.Wrong
                    fails raised __main__.Wrong
        """,
    ),
    "an exception of the interpreter's own is seen before anybody made an object of it": (
        """
        def missing():
            return {}["x"]

        try:
            missing()
        except KeyError:
            pass
        """,
        """
        <module> returned None
            missing raised KeyError
        """,
    ),
    "a generator is one activation, from its first step to its last": (
        """
        def numbers(n):
            for i in range(n):
                yield i

        list(numbers(3))
        """,
        """
        <module> returned None
            numbers returned None
        """,
    ),
    "send and throw go on in the same activation; delegation passes them through": (
        """
        def inner():
            try:
                got = yield 1
            except KeyError:
                got = "thrown"
            return got

        def outer():
            return (yield from inner())

        def drive(act):
            steps = outer()
            next(steps)
            try:
                act(steps)
            except StopIteration as end:
                return end.value

        drive(lambda steps: steps.send("sent"))
        drive(lambda steps: steps.throw(KeyError("k")))
        """,
        """
        <module> returned None
            drive returned 'sent'
                outer returned 'sent'
                    inner returned 'sent'
                <lambda> raised StopIteration
            drive returned 'thrown'
                outer returned 'thrown'
                    inner returned 'thrown'
                <lambda> raised StopIteration
        """,
    ),
    "a generator that goes on in another thread is still one activation": (
        """
        import threading

        def numbers():
            yield 1
            yield 2

        steps = numbers()
        next(steps)
        thread = threading.Thread(target=list, args=(steps,))
        thread.start()
        thread.join()
        """,
        """
        <module> returned None
            numbers returned None
        """,
    ),
    "tasks that take turns keep their own calls": (
        """
        import asyncio

        def work(name):
            return name

        async def task(name):
            await asyncio.sleep(0)
            first = work(name)
            await asyncio.sleep(0)
            return first + work(name)

        async def main():
            return await asyncio.gather(task("a"), task("b"))

        asyncio.run(main())
        """,
        """
        <module> returned None
            main returned ['aa', 'bb']
            task returned 'aa'
                work returned 'a'
                work returned 'a'
            task returned 'bb'
                work returned 'b'
                work returned 'b'
        """,
    ),
    "cells, closures and deleted variables": (
        """
        def outer(a, b):
            def inner():
                return a

            result = inner()
            del b
            return result

        outer(1, 2)
        """,
        """
        <module> returned None
            outer returned 1
                outer.<locals>.inner returned 1
        """,
    ),
}


def expected(text):
    lines = [line for line in text.splitlines() if line.strip()]
    margin = len(lines[0]) - len(lines[0].lstrip())
    return [line[margin:] for line in lines]


def line_of(activation, depth, hook):
    name = activation["qualname"].split(".", 1)[1]
    end = activation["outcome"]
    if end == "returned":
        end += f" {activation['result']!r}"
    elif end == "raised" and hook != "profile":
        end += " " + activation["exception"]["class"]
    return "    " * depth + f"{name} {end}"


def drawn(recorded, hook):
    depths = {None: -1}
    lines = []
    for activation in recorded:
        depths[activation["id"]] = depth = depths[activation["parent_id"]] + 1
        lines.append(line_of(activation, depth, hook))
    return lines


def seen_by(hook, lines):
    """The profile hook is not told which exception leaves a frame."""
    return [
        line.split(" raised")[0] + " raised" if hook == "profile" and " raised " in line else line
        for line in lines
    ]


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("name", CASES)
def test_gives_these_activations(tmp_path, name, hook):
    program, lines = CASES[name]
    path = script(tmp_path, program)
    done = command("kolo-probe", "run", "--hook", hook, path, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    recorded = activations(tmp_path, only_trace(tmp_path))
    assert drawn(recorded, hook) == seen_by(hook, expected(lines))


def test_a_hook_that_this_python_does_not_have_is_replaced_and_said(tmp_path):
    other = "frame_eval" if sys.version_info >= (3, 12) else "monitoring"
    path = script(tmp_path, "def f(): return 1\nf()")
    done = command("kolo-probe", "run", "--hook", other, path, folder=tmp_path)
    assert done.returncode == 0
    assert b"the slower profile hook is" in done.stderr
    assert only_trace(tmp_path)["activations"] == 2


@pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="only there do calls use the C stack because of the hook"
)
def test_recursion_is_as_deep_as_without_the_hook(tmp_path):
    path = script(
        tmp_path,
        """
        import sys, threading
        sys.setrecursionlimit(200_000)

        def down(n):
            return n and 1 + down(n - 1)

        print(down(100_000))
        threading.stack_size(64 * 1024)
        thread = threading.Thread(target=lambda: print(down(900)))
        thread.start()
        thread.join()
        """,
    )
    done = command("kolo-probe", "run", path, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"100000\n900\n", b"")
    assert only_trace(tmp_path)["lost"] == 0
