"""What is recorded of an exception that leaves an activation: type, arguments, message, the line it left at,
the cause or context that Python would show, its attributes. No code of its class runs for that.

A case is a function `f` and what leaves it: `class 'message' @line`, then the chain behind it. `@here` is the
line marked `# here`, `@-` none.
"""

from __future__ import annotations

import textwrap

import pytest
from arms import arms, shown_trace, traces

pytestmark = pytest.mark.usefixtures("installed")

HOSTILE = """
def trap(*_, **__):
    raise SystemExit("the recorder ran code of the exception's class")

class Hostile(Exception):
    __str__ = __repr__ = __eq__ = __hash__ = __getattr__ = __reduce__ = __class__ = property(trap)
"""

CASES = {
    "a message and a line": (
        """
        def f():
            x = 1
            raise ValueError("no tea")  # here
        """,
        "ValueError 'no tea' @here",
    ),
    "raised by the interpreter, seen before anybody made an object of it": (
        """
        def f():
            return {}["k"]  # here
        """,
        "KeyError 'k' @here",
    ),
    "the line that raised, and not that of finally": (
        """
        def f():
            try:
                raise ValueError("first")  # here
            finally:
                x = 1
                y = 2
        """,
        "ValueError 'first' @here",
    ),
    "raised again": (
        """
        def f():
            try:
                raise ValueError("again")  # here
            except ValueError:
                x = 1
                raise
        """,
        "ValueError 'again' @here",
    ),
    "after one that left the same function elsewhere": (
        """
        def f(elsewhere):
            if elsewhere:
                raise ValueError("there")
            raise ValueError("and here")  # here

        def run():
            for elsewhere in (True, False):
                try:
                    f(elsewhere)
                except ValueError:
                    pass
        """,
        "ValueError 'and here' @here",
    ),
    "it came from below: the line of the call": (
        """
        def below():
            raise ValueError("below")

        def f():
            x = 1
            below()  # here
        """,
        "ValueError 'below' @here",
    ),
    "a cause": (
        """
        def f():
            try:
                {}["k"]
            except KeyError as e:
                raise ValueError("v") from e  # here
        """,
        "ValueError 'v' @here, from KeyError 'k' @-",
    ),
    "a context": (
        """
        def f():
            try:
                {}["k"]
            except KeyError:
                raise ValueError("v")  # here
        """,
        "ValueError 'v' @here, while KeyError 'k' @-",
    ),
    "no context where it is suppressed": (
        """
        def f():
            try:
                {}["k"]
            except KeyError:
                raise ValueError("v") from None  # here
        """,
        "ValueError 'v' @here",
    ),
    "a cycle of causes": (
        """
        def f():
            a, b = ValueError("a"), ValueError("b")
            a.__cause__, b.__cause__ = b, a
            raise a  # here
        """,
        "ValueError 'a' @here, from ValueError 'b' @-, from <cycle>",
    ),
    "a chain that does not end": (
        """
        def f():
            last = None
            for n in range(100):
                e = ValueError(str(n))
                e.__cause__ = last
                last = e
            raise last  # here
        """,
        "ValueError '99' @here"
        + "".join(f", from ValueError '{n}' @-" for n in range(98, 90, -1))
        + ", from <depth>",
    ),
    "the message is a str argument, and no code tells it": (
        HOSTILE
        + """
def f():
    raise Hostile("quiet", 7)  # here
        """,
        "__main__.Hostile 'quiet' @here",
    ),
    "no str, no message": (
        """
        def f():
            raise ValueError(7)  # here
        """,
        "ValueError None @here",
    ),
    "a subclass of str is no exact str: it is an argument, and its message is not known": (
        """
        class Text(str):
            pass

        def f():
            raise ValueError(Text("x"))  # here
        """,
        "ValueError None @here",
    ),
    "thrown into a generator, it left at the yield": (
        """
        def f():
            yield 1  # here

        def run():
            g = f()
            next(g)
            g.throw(KeyError("thrown"))
        """,
        "KeyError 'thrown' @here",
    ),
    "a file's name, which is none of the args": (
        """
        def f():
            open("/nonexistent/tea")  # here
        """,
        "FileNotFoundError 'No such file or directory' @here {'filename': '/nonexistent/tea'}",
    ),
    "attributes of its own": (
        """
        class Refused(Exception):
            def __init__(self, code):
                self.code = code
                self.me = self

        def f():
            raise Refused(7)  # here
        """,
        "__main__.Refused None @here {'code': 7, 'me': {'class': '__main__.Refused'}}",
    ),
    "secrets in messages and attributes": (
        """
        class Refused(Exception):
            pass

        def f():
            e = Refused("cannot reach postgres://me:hunter2@db/shop")
            e.api_key = "hunter2"
            raise e  # here
        """,
        "__main__.Refused 'cannot reach postgres://me:[redacted]@db/shop' @here {'api_key': '<redacted>'}",
    ),
    "sys.exit": (
        """
        import sys

        def f():
            sys.exit("bye")  # here
        """,
        "SystemExit 'bye' @here",
    ),
}


def program():
    """All cases as one script: module `case_N` for each, so that names and lines are the case's own."""
    sources = [textwrap.dedent(source) for source, _ in CASES.values()]
    return f"""
import sys, types
for number, source in enumerate({sources!r}):
    space = {{"__name__": "__main__"}}
    exec(compile(source, f"{{sys.argv[1]}}/case_{{number}}.py", "exec"), space)
    try:
        space.get("run", space["f"])()
    except BaseException:
        pass
"""


def told(exception, here):
    if "$omitted" in exception and "class" not in exception:
        return f"<{exception['$omitted']['reason']}>"
    line = "-" if exception["line"] is None else "here" if exception["line"] == here else exception["line"]
    text = f"{exception['class']} {exception['message']!r} @{line}"
    if "attributes" in exception:
        text += f" {plain(exception['attributes'])}"
    for word, key in (("from", "cause"), ("while", "context")):
        if exception[key] is not None:
            text += f", {word} {told(exception[key], here)}"
    return text


def plain(attributes):
    short = {}
    for name, value in attributes.items():
        if isinstance(value, dict) and "class" in value:
            value = {"class": value["class"]}
        elif isinstance(value, dict) and "$omitted" in value:
            value = f"<{value['$omitted']['reason']}>"
        short[name] = value
    return short


@pytest.fixture(scope="module", params=[arm for arm in arms() if arm.hook != "profile"], ids=str)
def recorded(request, tmp_path_factory):
    """The exception that left `f`, by the number of its case."""
    folder = tmp_path_factory.mktemp("exceptions")
    (folder / "program.py").write_text(program())
    (folder / "pyproject.toml").write_text("[tool.kolo]\nlimits = { max_event_us = 1_000_000 }\n")
    arm = request.param
    words = ("-m", "kolo_probe", "run", "--hook", arm.hook, "program.py", str(folder))
    done = arm.python.run(*words, folder=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (trace,) = traces(folder)
    found = [
        one for one in shown_trace(folder, trace["id"])["activations"] if one["qualname"] == "__main__.f"
    ]
    return {int(one["path"].rpartition("case_")[2][:-3]): one for one in found}


@pytest.mark.parametrize("name", CASES)
def test_what_left(recorded, name):
    source, wanted = CASES[name]
    here = 1 + next(n for n, line in enumerate(textwrap.dedent(source).splitlines()) if "# here" in line)
    activation = recorded[list(CASES).index(name)]
    assert activation["outcome"] == "raised"
    assert told(activation["exception"], here) == wanted


@pytest.mark.parametrize("limits", ["max_value_bytes = 16", "max_value_bytes = 60", "max_event_bytes = 64"])
def test_what_does_not_fit_is_a_marker_and_never_half_an_exception(tmp_path, limits):
    arm = arms()[0]
    (tmp_path / "program.py").write_text(program())
    (tmp_path / "pyproject.toml").write_text(f"[tool.kolo]\nlimits = {{ {limits} }}\n")
    done = arm.python.run("-m", "kolo_probe", "run", "program.py", str(tmp_path), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (trace,) = traces(tmp_path)
    shown = shown_trace(tmp_path, trace["id"])
    assert "malformed" not in repr(shown)
    raised = [one for one in shown["activations"] if one["qualname"] == "__main__.f"]
    assert len({one["path"] for one in raised}) == len(CASES)
    assert {one["outcome"] for one in raised} == {"raised"}
    assert all(one["exception"] is not None for one in raised)
