"""What a hook does to the program as a whole, on every Python found."""

from __future__ import annotations

import textwrap

import pytest
from arms import Python, pythons, read, shown_trace, traces

pytestmark = pytest.mark.usefixtures("installed")


def run_program(python: Python, folder, program: str, *options: str, **environment: str):
    """Runs it under `kolo-probe run`."""
    (folder / "program.py").write_text(textwrap.dedent(program))
    words = ("-m", "kolo_probe", "run", *options, "program.py")
    return python.run(*words, folder=folder, **environment)


@pytest.fixture(params=pythons(), ids=str)
def python(request) -> Python:
    return request.param


def test_a_hook_that_this_python_does_not_have_is_replaced_and_said(tmp_path, python):
    other = "frame_eval" if "monitoring" in python.hooks else "monitoring"
    done = run_program(python, tmp_path, "def f(): return 1\nf()", "--hook", other)
    assert done.returncode == 0
    assert "the slower profile hook is" in done.stderr
    (trace,) = traces(tmp_path)
    assert trace["activations"] == 2


def test_recursion_is_as_deep_as_without_the_hook(tmp_path, python):
    """On 3.11 calls use the C stack while frame evaluation is hooked: deep down it is handed back, and the
    trace says for how long nothing was seen. Elsewhere every call is recorded."""
    if python.version < (3, 11):
        pytest.skip("before 3.11 calls use the C stack without any hook")
    done = run_program(
        python,
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
    assert (done.returncode, done.stdout, done.stderr) == (0, "100000\n900\n", "")
    (trace,) = traces(tmp_path)
    assert trace["lost"] == 0
    blind = shown_trace(tmp_path, trace["id"])["trace"]["blind"]
    calls = 2 + 100_001 + 901
    if python.version == (3, 11):
        assert len(blind) == 2  # one for each recursion
        assert all(0 < interval["duration_ns"] < trace["duration_ns"] for interval in blind)
        assert trace["activations"] < calls
        shown = read("show", trace["id"], folder=tmp_path)
        assert "blind 2 times, for " in shown
    else:
        assert blind == []
        assert trace["activations"] == calls


def test_what_other_threads_do_meanwhile_is_marked_in_their_traces(tmp_path, python):
    if python.version != (3, 11):
        pytest.skip("only 3.11 has to hand evaluation back")
    done = run_program(
        python,
        tmp_path,
        """
        import sys, threading
        import kolo_probe
        from kolo_probe._session import begin, session

        def seen():
            return "seen"

        def unseen():
            return "unseen"

        def other():
            here = session()
            token = begin(here, "request", "other")
            seen()
            ready.set()
            deep.wait()
            unseen()
            done.set()
            back.wait()
            seen()
            here.native.end_trace(token)

        def down(n):
            if n:
                return down(n - 1)
            deep.set()
            done.wait()

        ready, deep, done, back = (threading.Event() for _ in range(4))
        sys.setrecursionlimit(200_000)
        thread = threading.Thread(target=other)
        thread.start()
        ready.wait()
        down(50_000)
        back.set()
        thread.join()
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (other,) = (trace for trace in traces(tmp_path) if trace["name"] == "other")
    shown = shown_trace(tmp_path, other["id"])
    names = [activation["qualname"].rpartition(".")[2] for activation in shown["activations"]]
    assert names == ["seen", "seen"]
    (blind,) = shown["trace"]["blind"]
    first, second = (activation["start_ns"] for activation in shown["activations"])
    assert first < blind["start_ns"] < blind["start_ns"] + blind["duration_ns"] < second


@pytest.mark.parametrize("limit", [100, 1000])
def test_the_recursion_limit_is_where_it_is_without_the_hook(tmp_path, python, limit):
    program = f"""
        import sys

        def down(n):
            global deepest
            deepest = n  # no call: some of C's count, or not, as the interpreter has specialised them
            down(n + 1)

        depth, frame = 0, sys._getframe()
        while frame:
            depth, frame = depth + 1, frame.f_back
        sys.setrecursionlimit(depth + {limit})
        try:
            down(1)
        except RecursionError:
            print(deepest)
        """
    # Also without recording C frames of ours lie below the program, which its own count does not know.
    plain = run_program(python, tmp_path, program, KOLO_DISABLE="1")
    for hook in python.hooks:
        done = run_program(python, tmp_path, program, "--hook", hook)
        assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, "")
    assert [trace["lost"] for trace in traces(tmp_path)] == [0, 0]
