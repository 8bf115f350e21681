"""Which Pythons `./dev test` takes for the trace tests, and what it says of those that it does not."""

from __future__ import annotations

import sys

from interpreters import Interpreter, choose, describe


def found(version, path="/usr/bin/python", *, free_threaded=False, headers=True, implementation="cpython"):
    return Interpreter(implementation, version, path, free_threaded, headers)


def test_the_newest_patch_of_each_minor_version_is_taken():
    old, new, other = found((3, 11, 2)), found((3, 11, 7)), found((3, 9, 18))
    assert choose([new, other, old, new]) == ([other, new], [])


def test_a_free_threaded_build_is_declined_with_a_message():
    chosen, declined = choose([found((3, 13, 0), "/opt/python3.13t", free_threaded=True)])
    assert chosen == []
    assert declined == [
        "Python 3.13.0 (/opt/python3.13t) is a free-threaded build, in which nothing is recorded"
    ]


def test_the_ordinary_build_is_taken_beside_a_free_threaded_one():
    ordinary = found((3, 13, 0))
    assert choose([found((3, 13, 1), free_threaded=True), ordinary])[0] == [ordinary]


def test_what_cannot_be_built_for_is_declined():
    _, declined = choose([
        found((3, 8, 1)), found((3, 12, 1), headers=False), found((3, 10, 2), implementation="pypy"),
    ])  # fmt: skip
    assert [line.partition(") ")[2] for line in declined] == [
        "is older than 3.9",
        "is not CPython",
        "has no Python.h (on Debian: python3-dev)",
    ]


def test_an_interpreter_is_asked_and_a_program_that_is_none_is_nothing():
    asked = describe(sys.executable)
    assert asked is not None
    assert asked.version == sys.version_info[:3]
    assert (asked.implementation, asked.is_free_threaded) == ("cpython", False)
    assert describe("/bin/false") is None
    assert describe("/nowhere/python") is None
